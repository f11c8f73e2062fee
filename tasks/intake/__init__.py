"""Reading and normalising CSV files: pure, without database, queue or clock."""
