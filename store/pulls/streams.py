"""The streams that are pulled, by the names of their rows."""

from __future__ import annotations

__all__ = ["EVERYTHING", "FILLS", "FILL_LIST", "NOTIFY", "REQUESTS", "SNAPSHOTS"]

#: By time: prescriptions that arrive, events of all types, and fill requests that the partner lists.
NOTIFY, EVERYTHING, FILL_LIST = "notify_rx", "events", "fill_list"
#: By what is known already, one by one: fill requests, all other requests, and records.
FILLS, REQUESTS, SNAPSHOTS = "fill_request", "requests", "snapshots"
