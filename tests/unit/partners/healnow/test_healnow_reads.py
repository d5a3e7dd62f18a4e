"""What HealNow's folder says of its streams is what there is to be read."""

from __future__ import annotations

from partners.healnow.contract import RECORDS
from partners.healnow.partner import PARTNER
from partners.listing import RecordReads
from partners.wire import HttpClient, Wire
from statemachine import MACHINES


def all_reads() -> RecordReads:
    assert PARTNER.reads is not None
    return PARTNER.reads()(Wire(HttpClient("http://127.0.0.1:9", "a key", scheme=PARTNER.scheme)))


def test_the_streams_that_are_named_are_those_that_can_be_read() -> None:
    reads = all_reads()
    assert PARTNER.streams == (*(one.name for one in reads.lists), *(one.name for one in reads.singles))
    assert {one.finds for one in reads.lists} - {None} <= {one.name for one in reads.singles}
    # A list that losses are judged by is one of them.
    listed = {family.listed_in for family in PARTNER.families().records.values()}
    assert listed - {None} <= {one.name for one in reads.lists}
    reads.close()


def test_what_is_read_is_of_kinds_and_states_that_there_are() -> None:
    reads = all_reads()
    assert set(reads.records) == set(PARTNER.kinds)
    for one in reads.singles:
        assert one.kind is None or one.state in MACHINES[one.kind].table
    signals = {signal for kind in PARTNER.kinds for signal in MACHINES[kind].rank}
    assert reads.open_signals <= signals
    assert set(RECORDS) == {"order", "prescription", "cart", "checkout_session"}
    reads.close()
