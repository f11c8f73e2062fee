"""What people write, read: refusals, and the text of a message freed of markup."""
