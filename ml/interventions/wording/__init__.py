"""Check what copy must not say."""
