"""What an attacker who may send messages does to a real cluster, and what the other tenants notice of it."""
