"""A trace as one page for a browser: self-contained, without scripts, every value escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape
from itertools import groupby
from typing import Any

from ops.render.tables import moment, plain

__all__ = ["page"]

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --soft: #5d6b7e; --line: #dde3ea; --page: #f6f8fa;
  --card: #fff; --moved: #1a7f4b; --confirmed: #4a6fa5; --late: #9a6700; --conflict: #c4282d; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e9f0; --soft: #96a3b5; --line: #2c3644;
  --page: #11161d; --card: #1a212b; --moved: #4cc38a; --confirmed: #8ab0e6; --late: #e0ad3f;
  --conflict: #ff7b7f; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 64rem; padding: 2rem 1.25rem 4rem; background: var(--page);
  color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.1rem; margin: 2.25rem 0 .75rem; }
h3 { font-size: .9rem; margin: 1.5rem 0 .5rem; color: var(--soft); font-weight: 600; }
p { margin: .25rem 0; color: var(--soft); }
code { font: .92em ui-monospace, monospace; overflow-wrap: anywhere; }
.note { color: var(--late); }
.entities { display: grid; gap: .75rem; grid-template-columns: repeat(auto-fill, minmax(18rem, 1fr)); }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: .8rem 1rem; }
.card.review { border-color: var(--conflict); } .card .review { color: var(--conflict); }
.state { font-weight: 600; color: var(--ink); }
ol { list-style: none; margin: 0; padding: 0 0 0 1rem; border-left: 2px solid var(--line); }
li { position: relative; padding: .35rem 0; }
li::before { content: ""; position: absolute; left: -1.37rem; top: .85rem; width: .6rem; height: .6rem;
  border-radius: 50%; background: var(--tone); }
.moved { --tone: var(--moved); } .confirmed { --tone: var(--confirmed); } .late { --tone: var(--late); }
.conflict { --tone: var(--conflict); } .verdict { color: var(--tone); font-weight: 600; }
time { color: var(--soft); font-variant-numeric: tabular-nums; margin-right: .6rem; }
.events { display: block; color: var(--soft); font-size: .85em; }
"""


def page(document: dict[str, Any], notes: Sequence[str] = ()) -> str:
    """The page of a trace's document. It loads nothing, and its policy keeps it from doing so."""
    entities, story = document["entities"], document["story"]
    return "\n".join(
        (
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
            "style-src 'unsafe-inline'\">",
            '<meta name="referrer" content="no-referrer">',
            f"<title>rxledger: a trace</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<h1>A trace</h1>",
            f"<p>{_count(len(entities), 'entity', 'entities')}, {_count(len(story), 'fact', 'facts')}. "
            "All times are UTC.</p>",
            *(f'<p class="note">{_text(note)}</p>' for note in notes),
            '<h2>Where things stand</h2>\n<div class="entities">',
            *map(_card, entities),
            "</div>\n<h2>What happened</h2>",
            *(_days(story) if story else ("<p>Nothing was reported yet.</p>",)),
            "</body>\n</html>\n",
        )
    )


def _card(one: dict[str, Any]) -> str:
    lines = [f"<strong>{_text(one['kind'])}</strong> <code>{_text(one['key'])}</code>"]
    since = f" since {_time(one['since'])}" if one["since"] else ""
    lines.append(f'<p><span class="state">{_text(one["state"])}</span>{since}</p>')
    if one["deadline"]:
        lines.append(f"<p>news is due by {_time(one['deadline'])}</p>")
    if one["review"]:
        lines.append(f'<p class="review">under review: {_text(one["review"])}</p>')
    lines.append(f"<p>found by {_text(one['by'])}</p>")
    return f'<div class="card{" review" if one["review"] else ""}">{"".join(lines)}</div>'


def _days(story: Iterable[dict[str, Any]]) -> Iterable[str]:
    for day, entries in groupby(story, lambda entry: _day(entry["at"])):
        yield f"<h3>{_text(day)}</h3>\n<ol>"
        yield from map(_entry, entries)
        yield "</ol>"


def _entry(entry: dict[str, Any]) -> str:
    said = _text(" ".join(filter(None, (entry["signal"], entry["code"]))))
    went = entry["to"] if entry["from"] == entry["to"] else f"{entry['from']} → {entry['to']}"
    events = _text(", ".join(entry["events"]))
    dated = " (received)" if entry["dated_by"] == "receipt" else ""
    return (
        f'<li class="{_text(entry["verdict"])}">{_time(entry["at"], clock_only=True)}'
        f"<strong>{_text(entry['kind'])}</strong> <code>{_text(entry['key'])}</code> {said}{dated}: "
        f'<span class="verdict">{_text(entry["verdict"])}</span>, {_text(went)}'
        f'<span class="events">event <code>{events}</code></span></li>'
    )


def _time(at: datetime, *, clock_only: bool = False) -> str:
    shown = moment(at) or ""
    return f'<time datetime="{_text(at.isoformat())}">{_text(shown[11:-1] if clock_only else shown)}</time>'


def _day(at: datetime) -> str:
    return (moment(at) or "")[:10]


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _text(value: object) -> str:
    return escape(plain(str(value)), quote=True)
