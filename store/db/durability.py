"""Whether a COMMIT waits for the disk, said within the transaction whose COMMIT it is.

What a session, a role, a database or a pooler says of it must not change what an answer means, and what is
set for a session may reach another client behind a pooler. So it is part of a statement of the transaction:
both are conditions that are always true, evaluated once, without a round trip of their own.
"""

from __future__ import annotations

from typing import Any

import psycopg

__all__ = ["DURABLE", "RELAXED", "commits_stall"]

#: The COMMIT waits for the disk, and for standbys where it would have waited for more than that.
DURABLE = """(SELECT set_config('synchronous_commit', CASE current_setting('synchronous_commit')
    WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, true)) <> ''"""

#: The COMMIT does not wait: for work that would be done again. Only for what takes from the queue and writes
#: in one transaction, or stores a page with its cursor. If the server dies before the COMMIT is on disk, the
#: queue rows or the cursor are back with it, and doing it again gives the same. Permits for calls too: to
#: forget one costs a call too many.
RELAXED = "(SELECT set_config('synchronous_commit', 'off', true)) <> ''"

_STALLED = """
SELECT EXISTS (
    SELECT FROM pg_stat_activity
    WHERE datname = current_database() AND usename = current_user
      AND application_name = current_setting('application_name')
      AND wait_event = 'SyncRep' AND state_change < clock_timestamp() - make_interval(secs => %s)
)
"""


async def commits_stall(conn: psycopg.AsyncConnection[Any], seconds: float) -> bool:
    """Whether a COMMIT of our kind of process has waited for a standby for so long.

    No time limit ends that wait, and it goes on when the client has gone: each further COMMIT would keep a
    further connection, until the server has none left. All of them end at once when a standby is back.
    """
    cursor = await conn.execute(_STALLED, (seconds,))
    return bool((await cursor.fetchall())[0][0])
