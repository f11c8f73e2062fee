"""SQL that several repositories share."""
