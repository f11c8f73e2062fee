"""What the sender sends to a CRM: what is due, whether it may still go, as which request, and what became of it."""
