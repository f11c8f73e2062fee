"""The parts that all requests share: validation, the envelope, and the values that may go over the wire."""
