"""The emotional state of a message: a trained head, written cues for the property domain, and their calibration."""
