"""The checks of `doctor`, a module a part: what is wrong, and what to do about it."""
