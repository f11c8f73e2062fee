"""What every request shares: validation, the envelope, and what may go over the wire."""
