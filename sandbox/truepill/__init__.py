"""The pharmacy, as its reference describes it."""
