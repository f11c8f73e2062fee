"""Money in messages: what is an amount, what is none, and which amount is a budget."""
