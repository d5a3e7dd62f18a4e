"""What goes out to partners over money: each of it is recorded before it is sent."""
