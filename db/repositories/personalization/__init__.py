"""What is kept for the way to speak to leads."""
