"""What is sealed together is sealed as by itself."""

from __future__ import annotations

import pytest

from settings import SealKey
from store.crypto.sealing import BrokenSeal, Sealer

SEALER = Sealer([SealKey("k1", b"1" * 32)])


def test_what_is_sealed_together_is_unsealed_one_by_one() -> None:
    rows = [(b"body %d" % n, b"id %d" % n) for n in range(50)]
    sealed = SEALER.seal_all(rows)
    assert [SEALER.unseal(one, context) for one, (_, context) in zip(sealed, rows, strict=True)] == [
        body for body, _ in rows
    ]
    with pytest.raises(BrokenSeal):
        SEALER.unseal(sealed[0], rows[1][1])


def test_no_two_values_share_a_nonce() -> None:
    head = len(SEALER.seal(b"", b"")) - 16 - 12
    sealed = [*SEALER.seal_all([(b"the same", b"id")] * 100), SEALER.seal(b"the same", b"id")]
    assert len({one[head : head + 12] for one in sealed}) == 101


def test_nothing_sealed_together_is_nothing() -> None:
    assert SEALER.seal_all([]) == []
