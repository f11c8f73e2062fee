"""Check an action before it may reach a person: consent, quiet hours, holidays, time zones."""
