"""Tests; a folder is a tier: unit, integration, e2e. What they share is in support."""
