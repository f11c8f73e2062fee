"""Events of CRMs: read, compared with what is known, applied to leads."""
