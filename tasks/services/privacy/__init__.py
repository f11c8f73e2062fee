"""Find and remove a person's data outside the database: in the broker and in files."""
