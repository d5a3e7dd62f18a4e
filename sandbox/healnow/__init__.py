"""The payments partner: as its reference describes it, and where that is silent as `assumed.py` says."""
