"""Orders that point at earlier ones: by an order number, or by what only their request says."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from tests.support.commandline import Cli
from tests.support.factories import OrderError, OrderSuccess, Shipment
from tests.support.ledger import every_text

AT = 1_590_800_000
POINTER = {"kind": None, "key": "100345", "by": "order_number"}


def duplicate(key: str, message: object = "100345") -> OrderError:
    return OrderError(
        request_id=key,
        timestamp=AT,
        details__error_code="R1",
        details__message=message,
        details__order_token=f"order-of-{key}",
        details__medications=[],
    )


def links(cli: Cli, key: str) -> list[dict[str, str | None]]:
    found = cli.run("show", "fill_request", key, "--json").document["links"]
    return [link for link in found if link["by"] in ("order_number", "request")]


def test_a_duplicate_points_at_an_order_number_until_somebody_carries_it(cli: Cli) -> None:
    cli.ledger.apply(duplicate("f1"))
    assert links(cli, "f1") == [POINTER]
    assert "(not known here)" in cli.run("show", "fill_request", "f1").out

    cli.ledger.apply(Shipment(request_id="f0", timestamp=AT, details__order_number=100345))
    assert links(cli, "f1") == [{"kind": "fill_request", "key": "f0", "by": "order_number"}]
    assert links(cli, "f0") == [{"kind": "fill_request", "key": "f1", "by": "order_number"}]


def test_another_duplicate_of_the_same_order_is_linked_and_is_not_that_order(cli: Cli) -> None:
    cli.ledger.apply(duplicate("f1"), duplicate("f2"))

    assert links(cli, "f1") == [{"kind": "fill_request", "key": "f2", "by": "order_number"}, POINTER]


def test_the_number_of_an_order_stands_sealed(cli: Cli) -> None:
    cli.ledger.apply(duplicate("f1"))

    tables = ("facts", "entities", "postings", "event_facts", "aliases", "alias_names", "alias_news")
    assert "100345" not in every_text(cli.ledger.conn, tables)
    assert b"100345".hex() not in every_text(cli.ledger.conn, tables)


@pytest.mark.parametrize(
    ("field", "relation", "backwards"),
    [
        ("replacement_order", "replaces", "replaced_by"),
        ("reference_order", "refers_to", "referred_to_by"),
    ],
)
def test_a_request_chains_its_fill_to_the_one_that_it_names(
    cli: Cli, tmp_path: Path, field: str, relation: str, backwards: str
) -> None:
    file = tmp_path / "request.json"
    file.write_bytes(orjson.dumps({field: "f1", "patient_token": "pat1", "address_to_name": "Jane Canary"}))
    cli.ledger.apply(OrderSuccess(request_id="f1", timestamp=AT))

    assert cli.run("track", "fill_request", "f2", "--request", str(file)).code == 0

    link = {"kind": "fill_request", "by": "request"}
    assert links(cli, "f2") == [{**link, "key": "f1", "relation": relation}]
    assert links(cli, "f1") == [{**link, "key": "f2", "relation": backwards}]
    assert [e["key"] for e in cli.run("trace", "pat1", "--json").document["entities"]] == ["f2", "f1"]
    assert "Canary" not in every_text(
        cli.ledger.conn, ("entities", "postings", "aliases", "changes_unplaced")
    )


def test_a_request_that_cannot_be_used_is_one_line_without_its_content(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "request.json"
    file.write_bytes(b'["Jane Canary"]')

    ran = cli.run("track", "fill_request", "f2", "--request", str(file))

    assert (ran.code, ran.err) == (1, "rxledger: the request is not a JSON object\n")
    assert cli.ledger.count("entities") == 0
