"""What runs in the background: events are applied, what was missed is pulled, figures are counted."""
