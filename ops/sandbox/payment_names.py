"""The names under which a payment may stand with us: its id, its eid, or its order and rx number together.

They are made as the reader of the partner's callbacks makes them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from ops.sandbox.payments import Payment
from partners.healnow.prescriptions import names_without_id
from store.crypto.keyed_hash import KeyedHash

__all__ = ["names_of"]


def names_of(payments: Iterable[Payment], keyed_hash: KeyedHash) -> dict[str, tuple[str, ...]]:
    """The names of each payment, by its id. A name that two have is neither's."""
    found = {
        one.id: names_without_id(one.eid, one.order_id, one.rx_number, keyed_hash.hash) for one in payments
    }
    shared = Counter(name for names in found.values() for name in names)
    return {
        payment: (payment, *(name for name in names if shared[name] == 1)) for payment, names in found.items()
    }
