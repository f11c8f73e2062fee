"""The gates before a person is contacted: consent, quiet hours, holidays, time zones."""
