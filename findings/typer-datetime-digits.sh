#!/usr/bin/env bash
# Typer 0.29.2: an option annotated `datetime`, without formats, takes digits for Unix time.
#
# Up to 0.20 such an option took three formats and refused everything else. Now its text goes to pydantic: a date
# typed without hyphens, 20260102, is accepted as that many seconds since 1970 and gives the 23rd of August 1970.
# No error, no word in --help. What comes back is aware for digits and for a text with an offset, and naive for
# 2026-01-02, so one option gives both kinds, and comparing two of them may raise. A list of formats restores the
# refusal. Seen with typer 0.29.2 and pydantic 2.14.3 on Python 3.11.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check typer==0.29.2 pydantic==2.14.3

cat > "$folder/since.py" <<'PYTHON'
from datetime import datetime
from typing import Annotated

import typer


def bare(since: Annotated[datetime, typer.Option()]) -> None:
    print(since.isoformat(), "naive" if since.tzinfo is None else "aware")


def strict(since: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"])]) -> None:
    print(since.isoformat(), "naive" if since.tzinfo is None else "aware")


app = typer.Typer(add_completion=False)
app.command()(bare)
app.command()(strict)
app()
PYTHON

run() { "$folder/venv/bin/python" "$folder/since.py" "$@" 2>/dev/null || echo refused; }
seen=$(
    echo "bare 2026-01-02: $(run bare --since 2026-01-02)"
    echo "bare 20260102: $(run bare --since 20260102)"
    echo "bare 2026-01-02T03:04:05Z: $(run bare --since 2026-01-02T03:04:05Z)"
    echo "strict 20260102: $(run strict --since 20260102)"
)
echo "$seen"
expected='bare 2026-01-02: 2026-01-02T00:00:00 naive
bare 20260102: 1970-08-23T11:48:22+00:00 aware
bare 2026-01-02T03:04:05Z: 2026-01-02T03:04:05+00:00 aware
strict 20260102: refused'
test "$seen" = "$expected"
