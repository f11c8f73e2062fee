"""Read events of CRMs, compare them with what is stored, and apply them to leads."""
