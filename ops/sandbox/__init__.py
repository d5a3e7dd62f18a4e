"""`sandbox load` and `sandbox check`: the emulated partner is driven, and compared with what is known."""
