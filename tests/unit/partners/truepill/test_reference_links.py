"""What the printed callbacks name beside their own entity, by a table written by hand."""

from __future__ import annotations

import pytest

from partners.reading import Stated
from partners.truepill.callbacks import read
from tests.support.printed import CALLBACK_NAMES, CALLBACKS
from tests.support.reading import keyed


def read_file(name: str) -> tuple[Stated, ...]:
    return read((CALLBACKS / f"{name}.json").read_bytes(), keyed).stated


# What the printed bodies carry, each domain's values in order.
LINKS: dict[str, dict[str, str]] = {
    "order.success.2": {
        "medication": "310ca0fa 5d466090 7ebc894e",
        "metadata": "cfe146",
        "order": "b392d",
        "patient": "4526d90a",
        "prescription": "3cs873 bas8292xd c8226924vf1a z3q2jr",
        "request": "fill_request_0fbbde7492c8b024d800",
        "rx_number": "1483253 1484947",
    },
    "shipment.success.1": {"metadata": "cfe146", "request": "fill_request_991e90fa6b367cf72032"},
    "transfer.success.3": {
        "medication": "39e6856f55e1e9df debcadfe3b2dd482",
        "metadata": "metadata",
        "patient": "838a906bcc6e7671",
        "prescription": "a1607c465f83 de6f66b44b67",
        "request": "ae030bc915541154932aad14e622c292",
    },
    "transfer_contact.success.1": {
        "metadata": "cfe146",
        "patient": "4526d90a",
        "request": "transfer_request_9a813a5a8782d15923da",
        "transfer": "59222e5807",
    },
    "direct_transfer.success.2": {
        "patient": "838a906bcc6e7671",
        "prescription": "dfb23987c12e",
        "request": "c973dab3c2d8b8ea3ca2e30f14c72149",
        "transfer": "8134a6ef49",
    },
    "copay.success.3": {
        "insurance": "skhsyq83rkd3uht9",
        "medication": "17ed9e856d5baba1",
        "metadata": "cfe146",
        "patient": "4526d90a",
        "prescription": "z3q2jr",
        "request": "cnpsa8ms8vbs7f52c8y2xchd77tza3nv",
    },
    "copay.triage.1": {
        "copay": "6fb823f403dc5aa3",
        "metadata": "cfe146",
        "patient": "bd8d80",
        "request": "914b810e56445e6ca2ab025c9c96d254",
    },
    "prior_auth.new.2": {
        "insurance": "19sienglo92831n5",
        "metadata": "cfe146",
        "patient": "4526d90a",
        "prescription": "z3q2jr",
        "request": "8y2xc7tp93nc2csacn2hd7afka3nv",
    },
    "coverage.success.1": {
        "coverage": "skhsyq83rkd3uht9",
        "insurance": "0db029",
        "metadata": "cfe146",
        "patient": "4526d90a",
        "request": "skhsyq83rkd3uht9",
    },
    "consult.completed.1": {"consult": "6dcf35ee85c869d281d85d43", "metadata": "1234"},
    "file.none.1": {
        "consult": "60a81aca1b9368001c503783",
        "document": "60df27f1b5f815001c74b84d 60df27f1b5f815001c74b84e",
        "metadata": "METADATA",
    },
    "notify_rx.none.1": {"patient": "4526d90a", "prescription": "z3q2jr z3q2jr23"},
}


@pytest.mark.parametrize("name", LINKS)
def test_a_printed_callback_links_what_it_names(name: str) -> None:
    expected = {(domain, value) for domain, values in LINKS[name].items() for value in values.split()}
    assert all(one.links == expected for one in read_file(name))


def test_the_names_of_a_printed_entity_are_its_tokens_and_never_another_requests() -> None:
    aliases = {name: [one.aliases for one in read_file(name)] for name in CALLBACK_NAMES}
    assert {name: found[0] for name, found in aliases.items() if any(found)} == {
        "copay.triage.1": ("6fb823f403dc5aa3",),
        "direct_transfer.error.1": ("9e6d606fva",),
        "direct_transfer.error.2": ("8134a6ef49",),
        "direct_transfer.success.1": ("dff0a98124",),
        "direct_transfer.success.2": ("8134a6ef49",),
        "transfer_contact.error.1": ("59222e5807",),
        "transfer_contact.success.1": ("59222e5807",),
    }
