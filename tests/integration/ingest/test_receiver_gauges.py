"""The figures that workers keep, as /metrics shows them."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from store.reports import gauges
from store.reports.gauges import Gauge
from tests.integration.ingest.conftest import Serve
from tests.support.receiver import Cable, Running, until


@pytest.fixture
def kept(inbox_url: str) -> Iterator[None]:
    """What a worker keeps, and a figure of another version's."""
    with psycopg.connect(inbox_url, autocommit=True) as conn:
        found = [
            Gauge(gauges.SILENT_ENTITIES, {"state": "completed", "kind": "fill_request"}, 7),
            Gauge(gauges.SILENT_ENTITIES, {"state": "pending", "kind": "copay"}, 0),
            Gauge(gauges.WATCHED, {}, 1_760_000_000),
            Gauge("rxledger_of_tomorrow", {}, 1),
        ]
        gauges.replace(conn, [gauge.name for gauge in found], found)
        yield
        conn.execute("TRUNCATE gauges")


def scraped(receiver: Running) -> list[str]:
    lines = receiver.request("GET", "/metrics").body.decode().splitlines()
    return [line for line in lines if "silent" in line or "watched" in line or "tomorrow" in line]


@pytest.mark.usefixtures("kept")
def test_a_scrape_shows_what_workers_keep(start: Serve) -> None:
    assert [line for line in scraped(start()) if not line.startswith("#")] == [
        'rxledger_silent_entities{kind="copay",state="pending"} 0.0',
        'rxledger_silent_entities{kind="fill_request",state="completed"} 7.0',
        "rxledger_watched_timestamp_seconds 1.76e+09",
    ]


@pytest.mark.usefixtures("kept")
def test_while_postgresql_is_away_old_figures_are_not_shown_and_the_rest_is(
    start: Serve, cable: Cable, inbox_url: str
) -> None:
    receiver = start(url=cable.url)
    assert scraped(receiver)
    cable.cut()
    assert scraped(receiver) == []
    assert b"rxledger_received" in receiver.request("GET", "/metrics").body
    cable.mend()
    until(lambda: scraped(receiver))
