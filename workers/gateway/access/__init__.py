"""Who may come in: keys, signatures, and how often each key may ask."""
