"""Upserting leads: resolve who is meant, merge the drafts, write the changes; data flows in that direction only."""
