#!/usr/bin/env bash
# Celery 5.7.0: after a clock was set back, beat sends an interval's task only once the wrong time has come again.
#
# A beat that ran while its machine's clock was a day ahead writes into its schedule file that the task ran tomorrow.
# With the clock put right and beat restarted, the file is read and believed: an entry of every five seconds, whose
# last run lies a day ahead, is due in a day and five seconds. Nothing is logged, and a restart does not help; only
# the file's removal does. One would guess that a last run in the future counts as none. Seen with celery 5.7.0 on
# Python 3.11. No clock is changed here: the entry's last run is written a day ahead, as such a beat would have.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check celery==5.7.0

cat > "$folder/beat.py" <<'PYTHON'
import sys
from datetime import timedelta

from celery import Celery
from celery.beat import PersistentScheduler

app = Celery("example", broker="memory://", set_as_current=False)
app.conf.beat_schedule = {"often": {"task": "example.often", "schedule": 5.0}}


def started() -> PersistentScheduler:
    return PersistentScheduler(app=app, schedule_filename=sys.argv[1])


ahead = started()
entry = ahead.schedule["often"]
entry.last_run_at = entry.default_now() + timedelta(days=1)
ahead.close()

restarted = started()
due, seconds = restarted.schedule["often"].is_due()
restarted.close()
print(f"restarted: due {due}, next in {seconds / 3600:.1f} h")
PYTHON

"$folder/venv/bin/python" "$folder/beat.py" "$folder/schedule" | tee "$folder/seen"
test "$(cat "$folder/seen")" = "restarted: due False, next in 24.0 h"
