"""What is known: entities and their facts, names, links, derivations, the feed of changes."""
