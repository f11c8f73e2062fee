"""What is kept of a person outside the database: in the broker and in files."""
