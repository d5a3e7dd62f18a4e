"""What people type, as it is meant: moments, event ids, and who it is that types."""
