"""Sealing, and the keyed hashes by which what is sealed is found."""
