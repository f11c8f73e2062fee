"""Read what people and systems write: refusals of contact, words of consent, phrases in copy."""
