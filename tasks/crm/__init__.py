"""CRMs: what each action is as a request to them."""
