"""HealNow, which takes patients' payments."""
