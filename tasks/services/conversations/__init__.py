"""What leads write: read once when it comes in, stored as figures and codes, and shown without a word of it."""
