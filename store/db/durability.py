"""Whether a COMMIT waits for the disk, said within the transaction whose COMMIT it is.

What a session, a role, a database or a pooler says of it must not change what an answer means, and what is
set for a session may reach another client behind a pooler. So it is part of a statement of the transaction:
both are conditions that are always true, evaluated once, without a round trip of their own.
"""

from __future__ import annotations

__all__ = ["DURABLE", "RELAXED"]

#: The COMMIT waits for the disk, and for standbys where it would have waited for more than that.
DURABLE = """(SELECT set_config('synchronous_commit', CASE current_setting('synchronous_commit')
    WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, true)) <> ''"""

#: The COMMIT does not wait: for work that would be done again. Only for what takes from the queue and writes
#: in one transaction, or stores a page with its cursor. If the server dies before the COMMIT is on disk, the
#: queue rows or the cursor are back with it, and doing it again gives the same.
RELAXED = "(SELECT set_config('synchronous_commit', 'off', true)) <> ''"
