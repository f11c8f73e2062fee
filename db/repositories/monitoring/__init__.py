"""What checks of models read, and what they found."""
