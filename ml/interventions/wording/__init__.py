"""What copy may not say."""
