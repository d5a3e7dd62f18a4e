"""`rxledger trace`, and the links that `rxledger show` prints."""

from __future__ import annotations

import re
import stat
from pathlib import Path
from typing import Any

import pytest

from ops.render import trace
from store.ledger import links
from tests.support.commandline import Cli
from tests.support.factories import (
    CopaySuccess,
    FilledMedication,
    NotifyRx,
    OrderError,
    OrderSuccess,
    PriorAuth,
    Shipment,
    Transfer,
    TransferContact,
)
from tests.support.records import RxRecord, enveloped

AT = 1_590_800_000
FILL = "fill_request_1"
PATIENT = "pat1"
RX = "rx1"


def a_patients_life(cli: Cli) -> None:
    """A prescription arrives, is filled and shipped; another request shares only the patient."""
    medication = FilledMedication(prescription_token=RX, rx_number="452793000")
    cli.ledger.apply(
        NotifyRx(timestamp=AT, details__prescription_token=RX, details__patient_token=PATIENT),
        OrderSuccess(
            request_id=FILL,
            timestamp=AT + 60,
            details__medications=[medication],
            details__metadata="customer 7",
        ),
        Shipment(request_id=FILL, timestamp=AT + 120, details__status="DELIVERED"),
        PriorAuth(request_id="pa1", timestamp=AT + 30, details__patient_token=PATIENT),
    )


def test_the_rx_number_of_a_record_leads_to_its_prescription_and_to_the_fill_that_carries_it(
    cli: Cli,
) -> None:
    """Before the order's success its record alone tells the number."""
    record = enveloped("prescription", RxRecord(prescription_token=RX, rx_number="1144478"), at=AT, of=RX)
    cli.ledger.apply(NotifyRx(timestamp=AT, details__prescription_token=RX))
    cli.ledger.apply(record, via="snapshot")
    found = entities(cli.run("trace", "1144478", "--json").document)
    assert found == {("prescription", RX): "rx_number"}
    other = FilledMedication(prescription_token="rx2", rx_number="1144478")
    cli.ledger.apply(OrderSuccess(request_id=FILL, timestamp=AT + 60, details__medications=[other]))
    assert set(entities(cli.run("trace", "1144478", "--json").document)) == {
        ("prescription", RX),
        ("fill_request", FILL),
    }
    links = cli.run("show", "prescription", RX, "--json").document["links"]
    assert {"kind": "fill_request", "key": FILL, "by": "rx_number"} in links


def entities(document: dict[str, Any]) -> dict[tuple[str, str], str]:
    return {(one["kind"], one["key"]): one["by"] for one in document["entities"]}


def pairs(document: dict[str, Any]) -> set[tuple[str, str, str]]:
    return {(link["kind"], link["key"], link["by"]) for link in document["links"]}


@pytest.mark.parametrize("token", [PATIENT, RX, FILL, "452793000", "customer 7", " customer 7 "])
def test_any_name_of_a_patient_leads_to_the_whole_story_in_time(cli: Cli, token: str) -> None:
    a_patients_life(cli)

    ran = cli.run("trace", token, "--json")

    assert (ran.code, ran.err) == (0, "")
    found = ran.document
    assert (found["token_found"], found["left_off"]) == (True, 0)
    assert set(entities(found)) == {("fill_request", FILL), ("prescription", RX), ("prior_auth", "pa1")}
    assert [
        (e["at"][11:], e["kind"], e["signal"], e["verdict"], e["from"], e["to"]) for e in found["story"]
    ] == [
        ("00:53:20Z", "prescription", "rx:received", "confirmed", "received", "received"),
        ("00:53:50Z", "prior_auth", "pa:new", "confirmed", "new", "new"),
        ("00:54:20Z", "fill_request", "order:success", "moved", "pending", "completed"),
        ("00:55:20Z", "fill_request", "shipment:delivered", "moved", "completed", "delivered"),
    ]
    assert all(len(entry["events"]) == 1 for entry in found["story"])
    stands = {one["kind"]: one for one in found["entities"]}
    assert stands["fill_request"]["since"] == "2020-05-30T00:55:20Z"
    assert (stands["fill_request"]["state"], stands["fill_request"]["review"]) == ("delivered", None)


def test_what_the_name_leads_to_directly_comes_first_and_says_by_what(cli: Cli) -> None:
    a_patients_life(cli)

    assert list(entities(cli.run("trace", FILL, "--json").document).items()) == [
        (("fill_request", FILL), "key"),
        (("prescription", RX), "prescription"),
        (("prior_auth", "pa1"), "patient"),
    ]
    assert entities(cli.run("trace", "customer 7", "--json").document)["fill_request", FILL] == "metadata"


def test_metadata_leads_to_entities_and_never_from_one_to_another(cli: Cli) -> None:
    for number in (1, 2):
        medication = FilledMedication(prescription_token=f"rx{number}", rx_number=str(number))
        cli.ledger.apply(
            OrderSuccess(
                request_id=f"fill{number}", details__medications=[medication], details__metadata="both"
            )
        )

    assert set(entities(cli.run("trace", "both", "--json").document)) == {
        ("fill_request", "fill1"),
        ("fill_request", "fill2"),
    }
    assert set(entities(cli.run("trace", "rx1", "--json").document)) == {("fill_request", "fill1")}
    assert cli.run("show", "fill_request", "fill1", "--json").document["links"] == []


def test_an_alias_leads_to_its_entity(cli: Cli) -> None:
    cli.ledger.apply(TransferContact(request_id="t1", details__transfer_token="tok1"))

    assert entities(cli.run("trace", "tok1", "--json").document) == {("transfer", "t1"): "alias"}


def test_one_value_in_two_domains_is_two_names(cli: Cli) -> None:
    cli.ledger.apply(
        NotifyRx(details__prescription_token="same", details__patient_token="pat1"),
        NotifyRx(details__prescription_token="rx2", details__patient_token="pat2"),
        CopaySuccess(request_id="c1", details__patient_token="same"),
    )

    found = cli.run("trace", "same", "--json").document

    assert entities(found) == {("prescription", "same"): "key", ("copay", "c1"): "patient"}
    assert pairs(cli.run("show", "copay", "c1", "--json").document) == set()


def test_merged_patients_are_one_story(cli: Cli) -> None:
    cli.ledger.apply(
        NotifyRx(
            details__prescription_token="rx1",
            details__patient_token="new",
            details__merged_patients=["old"],
        ),
        CopaySuccess(request_id="c1", details__patient_token="old"),
    )

    assert ("copay", "c1") in entities(cli.run("trace", "new", "--json").document)


@pytest.mark.parametrize("field", ["merged_patients", "patient_token_duplicates"])
def test_what_merged_patients_have_is_joined_by_the_prescription_that_tells_of_the_merge(
    cli: Cli, field: str
) -> None:
    """One hop from each patient's entities to it, so a trace from any of them tells of all."""
    cli.ledger.apply(
        CopaySuccess(request_id="c-old", details__patient_token="old"),
        CopaySuccess(request_id="c-older", details__patient_token="older"),
        OrderSuccess(request_id="f-new", details__patient_token="new"),
        PriorAuth(request_id="pa-other", details__patient_token="other"),
    )
    notice = NotifyRx(details__prescription_token="rx1", details__patient_token="new")
    notice["details"][field] = ["old", "older"]
    cli.ledger.apply(notice)

    joined = {("copay", "c-old"), ("copay", "c-older"), ("fill_request", "f-new"), ("prescription", "rx1")}
    for token in ("old", "older", "new", "c-old", "f-new", "rx1"):
        assert set(entities(cli.run("trace", token, "--json").document)) == joined
    assert pairs(cli.run("show", "prescription", "rx1", "--json").document) == {
        ("copay", "c-old", "patient"),
        ("copay", "c-older", "patient"),
        ("fill_request", "f-new", "patient"),
    }
    assert pairs(cli.run("show", "copay", "c-old", "--json").document) == {("prescription", "rx1", "patient")}


def test_a_name_that_nothing_carries_is_exit_1_with_one_line_that_does_not_repeat_it(cli: Cli) -> None:
    a_patients_life(cli)

    for token in ("nobody-knows", "", "a\x00b"):
        ran = cli.run("trace", token, "--json")
        assert (ran.code, ran.out) == (1, "")
        assert ran.err == "rxledger: nothing carries this name\n"


def test_a_long_story_is_cut_and_says_so(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        cli.ledger.apply(PriorAuth(request_id=f"pa{number}", details__patient_token=PATIENT))
    monkeypatch.setattr(trace.trace, "__defaults__", (3,))

    for token in (PATIENT, "pa1"):
        ran = cli.run("trace", token, "--json")
        assert (len(ran.document["entities"]), ran.document["left_off"]) == (3, 2)
        assert ran.err.strip() == "the story is cut after 3 entities: there are at least 2 more"


def test_a_name_that_too_many_share_is_not_followed_and_that_is_said(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "CROWD", 3)
    for number in range(4):
        cli.ledger.apply(PriorAuth(request_id=f"pa{number}", details__patient_token=PATIENT))
    said = "more than 3 entities carry the same name of domain patient: it is not followed"

    traced = cli.run("trace", "pa1", "--json")
    shown = cli.run("show", "prior_auth", "pa1", "--json")

    assert set(entities(traced.document)) == {("prior_auth", "pa1")}
    assert traced.err.strip() == shown.err.strip() == said
    assert shown.document["links"] == []
    assert len(entities(cli.run("trace", PATIENT, "--json").document)) == 4


def test_show_lists_links_with_the_domain_of_each(cli: Cli) -> None:
    a_patients_life(cli)

    found = cli.run("show", "prescription", RX, "--json").document

    assert pairs(found) == {
        ("fill_request", FILL, "prescription"),
        ("prior_auth", "pa1", "patient"),
    }
    assert "links_left_off" not in found


def test_show_caps_a_long_list_of_links_and_counts_the_rest(cli: Cli) -> None:
    for number in range(53):
        cli.ledger.apply(PriorAuth(request_id=f"pa{number}", details__patient_token=PATIENT))

    found = cli.run("show", "prior_auth", "pa0", "--json").document
    human = cli.run("show", "prior_auth", "pa0")

    assert (len(found["links"]), found["links_left_off"]) == (50, 2)
    assert "2 more links are not shown" in human.err


def test_a_person_sees_links_and_the_deadline(cli: Cli) -> None:
    shared = {"details__patient_token": PATIENT, "details__prescription_token": RX}
    cli.ledger.apply(PriorAuth(request_id="pa1", **shared), PriorAuth(request_id="pa2", **shared))
    cli.ledger.conn.execute("UPDATE entities SET deadline = '2020-06-01T00:00:00Z'")

    ran = cli.run("show", "prior_auth", "pa1")
    document = cli.run("show", "prior_auth", "pa1", "--json").document

    assert ran.out.startswith("prior_auth pa1: new\nnews is due by 2020-06-01 00:00:00Z\n")
    assert re.search(r"prior_auth +pa2 +patient, prescription", ran.out)
    assert document["deadline"] == "2020-06-01T00:00:00Z"


def test_a_person_sees_entities_and_story(cli: Cli) -> None:
    a_patients_life(cli)
    cli.ledger.apply(OrderError(request_id=FILL, timestamp=AT + 180, details__error_code="R1"))

    ran = cli.run("trace", RX)

    assert ran.code == 0
    assert re.search(rf"fill_request +{FILL} +delivered +2020-05-30 00:55:20Z .*prescription", ran.out)
    assert "conflict in delivered" in ran.out
    assert re.search(r"00:54:20Z +fill_request .* order:success +moved +pending → completed", ran.out)


def test_the_page_is_self_contained_escaped_and_for_its_owner_alone(cli: Cli, tmp_path: Path) -> None:
    a_patients_life(cli)
    cli.ledger.apply(
        OrderError(request_id=FILL, timestamp=AT + 180, details__error_code="<script>alert(1)</script>")
    )
    page = tmp_path / "story.html"
    page.write_text("older")
    page.chmod(0o644)

    ran = cli.run("trace", "customer 7", "--html", str(page))

    assert (ran.code, ran.out) == (0, "")
    assert "the page is written" in ran.err
    text = page.read_text()
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "customer 7" not in text
    assert text.count("<li ") == 5
    assert not re.search(r"<script|<link|<img|src=|href=|url\(|@import|https?:", text)
    assert [item.name for item in tmp_path.iterdir() if item.name.startswith(".story")] == []


def test_page_and_document_can_be_had_at_once(cli: Cli, tmp_path: Path) -> None:
    a_patients_life(cli)

    ran = cli.run("trace", RX, "--json", "--html", str(tmp_path / "story.html"))

    assert len(ran.document["story"]) == 4
    assert (tmp_path / "story.html").exists()


def test_a_page_that_cannot_be_written_is_one_line(cli: Cli, tmp_path: Path) -> None:
    a_patients_life(cli)

    ran = cli.run("trace", RX, "--html", str(tmp_path / "missing" / "story.html"))

    assert ran.code == 1
    assert ran.err == "rxledger: the page cannot be written: No such file or directory\n"


def test_a_code_of_free_text_is_told_from_its_sealed_form(cli: Cli) -> None:
    cli.ledger.apply(OrderError(request_id=FILL, details__error_code="No stock (anywhere)"))

    assert cli.run("trace", FILL, "--json").document["story"][0]["code"] == "No stock (anywhere)"


def test_a_transfer_is_found_by_the_tokens_of_its_lines(cli: Cli) -> None:
    transfer = Transfer(request_id="t1")
    cli.ledger.apply(transfer)
    token = transfer["details"]["medications"][0]["transfer_medication_token"]

    assert entities(cli.run("trace", token, "--json").document) == {("transfer", "t1"): "medication"}
