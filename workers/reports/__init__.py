"""Figures that workers take every few minutes, for scrapes and `doctor`."""
