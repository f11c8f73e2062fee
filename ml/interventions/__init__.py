"""What is done about a lead that may go cold: which intervention, by which action, and whether it may be done."""
