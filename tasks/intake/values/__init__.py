"""Single cells and fields: text, numbers, dates, phone numbers and the words of levels."""
