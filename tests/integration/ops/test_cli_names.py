"""Commands and the two names of a prior authorization; what an update or a cancellation answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.support.commandline import Cli
from tests.support.factories import PriorAuth

ANSWERED, BARE = "prior_auth_bd6825a9d66a49b3d7a7", "8y2xc7tp93nc2csacn2hd7afka3nv"
AT = 1_592_183_925
NAMES = {"patient_token": "pat1", "insurance_token": "ins1", "prescription_token": "rx1", "metadata": "m1"}


def file(tmp_path: Path, content: dict[str, Any], name: str = "answer.json") -> str:
    path = tmp_path / name
    path.write_bytes(orjson.dumps(content))
    return str(path)


def answer(tmp_path: Path, request_id: str = ANSWERED, **changed: Any) -> str:
    details = {"message": "It was processed.", **NAMES, **changed}
    content = {"request_id": request_id, "timestamp": AT, "status": "success", "details": details}
    return file(tmp_path, content, f"{request_id}.json")


def news(key: str = BARE, status: str = "approved", **changed: str) -> dict[str, Any]:
    details = {f"details__{name}": value for name, value in {**NAMES, **changed}.items()}
    return dict(PriorAuth(request_id=key, status=status, timestamp=AT + 60, **details))


@pytest.mark.parametrize("first", ["registration", "callback"])
def test_every_command_takes_either_name_of_a_prior_authorization(
    cli: Cli, tmp_path: Path, first: str
) -> None:
    if first == "callback":
        cli.ledger.apply(news())
    ran = cli.run("track", "prior_auth", ANSWERED, "--answer", answer(tmp_path), "--json")
    assert ran.code == 0
    if first == "callback":
        assert (ran.document["key"], ran.document["state"]) == (BARE, "approved")
        assert (ran.document["registered"], ran.document["known"]) == (True, True)
        assert f"{ANSWERED} is another name of prior_auth {BARE}" in ran.err
    else:
        cli.ledger.apply(news())

    for name in (ANSWERED, BARE):
        shown = cli.run("show", "prior_auth", name, "--json").document
        assert (shown["key"], shown["state"]) == (BARE, "approved")
        traced = cli.run("trace", name, "--json").document
        assert [(one["key"], one["state"]) for one in traced["entities"]] == [(BARE, "approved")]
        again = cli.run("track", "prior_auth", name, "--answer", answer(tmp_path), "--json").document
        assert (again["key"], again["registered"], again["known"]) == (BARE, False, True)
        replayed = cli.run("replay", "--entity", "prior_auth", name, "--json")
        assert (replayed.code, replayed.document["selected"]) == (0, 1)
    assert cli.ledger.count("entities") == 1
    assert [one["key"] for one in cli.run("trace", "m1", "--json").document["entities"]] == [BARE]
    assert [one["key"] for one in cli.run("changes", "--json").document["changes"]] == [BARE]


def test_what_may_be_one_of_several_is_on_the_worklist_with_what_to_type(cli: Cli, tmp_path: Path) -> None:
    cli.ledger.apply(news("a1"), news("a2", "declined"))
    cli.run("track", "prior_auth", ANSWERED, "--answer", answer(tmp_path))

    (item,) = cli.run("worklist", "--json").document["worklist"]
    assert (item["what"], item["kind"], item["key"], item["state"]) == ("join", "prior_auth", ANSWERED, "new")
    assert "a1, a2" in item["why"]
    assert f"`rxledger track prior_auth KEY --alias {ANSWERED}`" in item["why"]
    (late,) = cli.run("stuck", "--json", "--at", "2199-01-01").document["stuck"]
    assert (late["key"], late["why"]) == (ANSWERED, item["why"])
    only = cli.run("worklist", "--json", "--at", "2199-01-01").document["worklist"]
    assert [(one["what"], one["key"]) for one in only] == [("join", ANSWERED)]
    assert cli.run("worklist", "--kind", "copay", "--json").document["worklist"] == []

    cli.run("track", "prior_auth", "a2", "--alias", ANSWERED)
    assert cli.run("show", "prior_auth", ANSWERED, "--json").document["state"] == "declined"
    assert cli.run("worklist", "--json").document["worklist"] == []


def test_two_registrations_that_one_callback_may_be_of_say_so_both(cli: Cli, tmp_path: Path) -> None:
    for name in ("prior_auth_1", "prior_auth_2"):
        cli.run("track", "prior_auth", name, "--answer", answer(tmp_path, name))
    assert cli.run("worklist", "--json").document["worklist"] == []
    cli.ledger.apply(news("a1"))

    items = cli.run("worklist", "--json").document["worklist"]
    assert [item["key"] for item in items] == ["prior_auth_1", "prior_auth_2"]
    assert "a1 may be its own, or those of prior_auth_2:" in items[0]["why"]
    assert "`rxledger track prior_auth a1 --alias NAME`" in items[0]["why"]


def test_one_that_was_registered_without_its_names_says_that_nothing_joins_it(
    cli: Cli, tmp_path: Path
) -> None:
    ran = cli.run("track", "prior_auth", ANSWERED)
    assert "without --answer FILE" in ran.err
    cli.ledger.apply(news())
    (late,) = cli.run("stuck", "--json", "--at", "2199-01-01").document["stuck"]
    assert "without its prescription, insurance, patient token" in late["why"]
    assert "register it again with --answer FILE" in late["why"]

    ran = cli.run("track", "prior_auth", ANSWERED, "--answer", answer(tmp_path), "--json")
    assert (ran.document["key"], ran.document["registered"]) == (BARE, False)
    assert cli.ledger.count("entities") == 1


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("fill_request", "update_request_bc22b83aeb5fc2970920"),
        ("fill_request", "cancel_request_3a8bc280d8e959287db0"),
        ("copay", "cancel_copay_request_a122673989c1a4fd2152be59961ba31c"),
    ],
)
def test_an_update_or_a_cancellation_is_no_request_to_wait_for(
    cli: Cli, tmp_path: Path, kind: str, name: str
) -> None:
    """By its name alone, by its answer, and by its answer under the name of the request that it changes."""
    given = answer(tmp_path, name)
    for arguments in ((name,), (name, "--answer", given), ("its-request", "--answer", given)):
        ran = cli.run("track", kind, *arguments)
        assert (ran.code, ran.out) == (1, "")
        assert ran.err == (
            "rxledger: an update or a cancellation is no request of its own: register what it changes\n"
        )
    assert cli.ledger.count("entities") == 0


@pytest.mark.parametrize("known", [False, True])
def test_the_answer_to_another_prior_authorization_is_refused(cli: Cli, tmp_path: Path, known: bool) -> None:
    """Its name would become one of this request, and its callbacks this request's."""
    if known:
        cli.ledger.apply(news())
        cli.run("track", "prior_auth", ANSWERED, "--answer", answer(tmp_path))
    before = cli.ledger.count("aliases")
    ran = cli.run("track", "prior_auth", ANSWERED, "--answer", answer(tmp_path, "prior_auth_other"))
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == "rxledger: the answer is that of another request: it has another request_id\n"
    assert (cli.ledger.count("aliases"), cli.ledger.count("entities")) == (before, int(known))
