"""Decide what each column of a file means: by the mapping, the profile, the words of its header, its values."""
