"""Queues of leads that are due: to be scored again, and to have their risk checked."""
