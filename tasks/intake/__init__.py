"""Read CSV files and the payloads of CRMs into drafts: pure, without database, queue or clock."""
