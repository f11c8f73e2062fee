"""Erasure, restriction, retention and access."""
