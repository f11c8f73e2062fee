"""Sentiment: VADER, TextBlob and n-grams, blended so that unlike text falls back to VADER."""
