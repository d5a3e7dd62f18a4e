"""Tests; a folder is a tier: unit, integration, faults, e2e."""
