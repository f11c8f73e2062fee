"""The risk that leads go cold, for every task that asks for it."""
