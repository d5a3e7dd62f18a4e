"""The events of single requests: one that cannot be asked about, or that fails, holds back no other."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from store.pulls.streams import FILLS, NOTIFY, REQUESTS, SNAPSHOTS
from tests.integration.workers.test_pull_sandbox import Side, against, pull_url, reference, without_waits
from tests.integration.workers.test_pull_snapshots import know
from tests.support.factories import START, OrderSuccess
from tests.support.partner import Answer, Asked, Partner, events_page, partner
from tests.support.sandbox import Desk
from workers.pull.partner_reads import NOBODYS
from workers.pull.run import Report

__all__ = ["against", "pull_url", "reference", "without_waits"]

#: As it is pulled: its request's id stands in the URL.
ORDER = {name: told for name, told in OrderSuccess().items() if name != "request_id"}
FAILED = "fill_request webhook_events: 500, the partner failed"


def key_of(asked: Asked) -> str:
    return asked.path.split("/")[3]


def completed(_: Asked) -> Answer:
    return events_page(ORDER)


@pytest.fixture
def server() -> Iterator[Partner]:
    with partner(completed) as running:
        yield running


@pytest.fixture
def side(reference: Desk, against: Callable[..., Side], server: Partner) -> Side:
    return against(reference, RXLEDGER_TRUEPILL_BASE_URL=server.url, RXLEDGER_TRUEPILL_LIVE_CONTRACT="no")


def requests(side: Side, *keys: str, state: str = "pending") -> None:
    """Known for a day, each an hour longer than the next."""
    for number, key in enumerate(keys):
        know(side, "fill_request", key, state=state)
        side.conn.execute(
            "UPDATE entities SET first_seen = now() - interval '2 days' + %s * interval '1 h' WHERE key = %s",
            (number, key),
        )


def pull(side: Side) -> Report:
    return side.pull(FILLS)[FILLS]


def test_a_request_that_can_stand_in_no_url_keeps_no_other_from_being_read(side: Side) -> None:
    requests(side, "a name / that stands in no URL", "f1")
    report = pull(side)
    assert (report.finished, report.trouble) == (True, None)
    assert side.ledger.state("f1") == "completed"
    told = side.polled()["a name / that stands in no URL"]
    assert told is not None
    assert "wants" in told


def test_a_request_that_fails_ends_the_run_and_the_next_begins_with_the_others(
    side: Side, server: Partner
) -> None:
    server.answer = lambda asked: Answer(500) if key_of(asked) == "f0" else completed(asked)
    requests(side, "f0", "f1", "f2")
    first, second = pull(side), pull(side)
    assert (first.finished, first.stored, first.trouble) == (False, 0, FAILED)
    assert (second.finished, second.stored) == (False, 2)
    assert [side.ledger.state(key) for key in ("f1", "f2")] == ["completed", "completed"]
    server.answer = completed
    assert pull(side).finished
    assert side.ledger.state("f0") == "completed"


def test_an_ended_request_that_failed_is_asked_about_all_the_same(side: Side, server: Partner) -> None:
    requests(side, "f0", state="rejected")
    server.answer = lambda _: Answer(500)
    assert pull(side).trouble == FAILED
    server.answer = completed
    assert pull(side).stored == 1


def test_a_request_whose_page_token_ran_out_is_read_again(side: Side, server: Partner) -> None:
    def first_page(asked: Asked) -> Answer:
        if "next" in asked.query:
            return Answer(400)
        return events_page(next="stale")

    requests(side, "f0", state="rejected")
    server.answer = first_page
    report = pull(side)
    assert (report.finished, report.trouble) == (True, None)
    server.answer = completed
    assert pull(side).stored == 1


@pytest.mark.parametrize("kept_to", [True, False])
def test_a_partner_that_gives_everybodys_events_is_not_believed_to_give_those_of_one_request(
    reference: Desk, against: Callable[..., Side], server: Partner, kept_to: bool
) -> None:
    """The live contract's filter: whoever does not know it may answer as if nothing had been said."""
    copay = {"timestamp": START, "callback_type": "COPAY", "details": {"message": "ready"}}

    def answer(asked: Asked) -> Answer:
        nobodys = asked.query["request_id"] == [f"$eq:{NOBODYS}"]
        return events_page() if nobodys and kept_to else events_page(copay)

    server.answer = answer
    side = against(reference, RXLEDGER_TRUEPILL_BASE_URL=server.url, RXLEDGER_TRUEPILL_LIVE_CONTRACT="yes")
    for key in ("c1", "c2"):
        know(side, "copay", key)
    report = side.pull(REQUESTS)[REQUESTS]
    told = None if kept_to else "webhook_events: it gives others' events for a request_id"
    assert (report.stored, report.finished, report.trouble) == (2 if kept_to else 0, kept_to, told)
    # Asked once a run, not once a request.
    assert len(server.asked) == (3 if kept_to else 1)


def test_what_the_partner_forbids_beyond_its_reference_keeps_nothing_else_from_being_read(
    reference: Desk, against: Callable[..., Side], server: Partner
) -> None:
    """Gateways answer 403 to a path that they do not know: that says nothing of our key."""
    beyond = ("/v1/webhook_events", "/v1/fill_requests")
    server.answer = lambda asked: Answer(403) if asked.path in beyond else completed(asked)
    side = against(reference, RXLEDGER_TRUEPILL_BASE_URL=server.url)
    requests(side, "f0")
    assert list(side.pull()) == [NOTIFY, FILLS, SNAPSHOTS]
    assert side.ledger.state("f0") == "completed"
    assert side.conn.execute("SELECT open_until FROM calls").fetchone() == (None,)
