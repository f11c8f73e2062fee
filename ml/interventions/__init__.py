"""Choose what to do about a lead that may go cold: an intervention, its action, and whether it is allowed."""
