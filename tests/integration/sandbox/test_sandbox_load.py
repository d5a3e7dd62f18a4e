"""A load drives journeys against a sandbox whose clock runs fast, until their callbacks are delivered."""

from __future__ import annotations

import asyncio

import pytest

from sandbox.journeys import JOURNEYS, possible
from sandbox.load import Load, LoadError, run
from tests.support.fast_sandbox import fast
from tests.support.sandbox import KEY


def test_a_load_returns_when_all_its_callbacks_are_delivered() -> None:
    with fast() as partner:
        report = partner.drive(12)
        assert report.failed == {}
        assert report.journeys == report.ended == 12
        assert report.generated == report.sent == report.delivered == len(partner.recorder.received) > 12
        assert report.sandbox_cpu > 0


def test_journeys_have_patients_of_their_own_and_carry_their_name() -> None:
    with fast() as partner:
        partner.drive(6)
        bodies = partner.recorder.callbacks
        names = {row["details"]["metadata"] for row in bodies if row["callback_type"] == "ORDER"}
        patients = {row["details"]["patient_token"] for row in bodies if row["callback_type"] == "NOTIFY_RX"}
        assert all(name.startswith("test-") for name in names)
        assert len(patients) >= len(names) > 1


def test_a_profile_ends_with_its_load() -> None:
    with fast() as partner:
        report = partner.drive(10, "calm; drop=1")
        assert report.generated > 0
        assert report.sent == 0
        assert partner.sandbox.engine.conduct.profile.name == "calm"
        assert partner.sandbox.engine.conduct.profile.drop == 0


def test_a_profile_that_is_not_there_is_said_with_those_that_are() -> None:
    with (
        fast() as partner,
        pytest.raises(LoadError, match=r"no profile 'lossless': it has black-friday, calm"),
    ):
        partner.drive(1, "lossless")


def test_without_a_sandbox_a_load_says_where_it_looked() -> None:
    load = Load(1, None, 1, None, "test", 0)
    with pytest.raises(LoadError, match=r"the sandbox at http://127\.0\.0\.1:9: does not answer"):
        asyncio.run(run("http://127.0.0.1:9", KEY, load, lambda _: None))


def test_the_same_seed_takes_the_same_journeys() -> None:
    with fast() as partner:
        first, again = partner.drive(15, seed=4), partner.drive(15, seed=4)
        assert first.begun == again.begun


def test_journeys_whose_endpoints_are_missing_are_left_off() -> None:
    fill, *others = JOURNEYS
    paths: dict[str, dict[str, object]] = {}
    for method, path in fill.needs:
        paths.setdefault(path, {})[method] = {}
    of_fills = {journey.name for journey in possible({"paths": paths})}
    assert of_fills == {"fill", "triage", "parcels", "lost_parcel", "over_the_counter", "contradiction"}
    assert possible({"paths": {}}) == []
    left_off = {journey.name for journey in others} - of_fills
    assert left_off == {"copay", "copay_of_several", "transfer", "direct_transfer", "consult"}


def test_a_load_with_payments_has_both_partners_and_one_in_twenty_that_cannot_be_told() -> None:
    with fast() as partner:
        report = partner.drive(400, with_payments=True)
        assert report.failed == {}
        assert report.generated == report.sent == report.delivered == len(partner.recorder.received)
        assert partner.sandbox.engine.steps_failed == 0
        shares = {name: number / report.journeys for name, number in report.begun.items()}
        assert 0.25 < shares["payment"] < 0.4
        assert 0.02 < shares["ambiguous_payment"] < 0.09
        told = sum("callback_type" not in body for body in partner.recorder.callbacks)
        assert 0.05 < told / report.sent < 0.25
        world = partner.sandbox.world
        payments = world.numbered("payment", 0, 10_000)
        joins = {row.token: row.document for row in world.numbered("join", 0, 10_000)}
        assert joins.keys() == {row.token for row in payments}
        assert all(world.get("sandbox", "fill_request", join["fill"]) for join in joins.values())
        assert {row.document["status"] for row in payments} == {
            "pending",
            "paid",
            "moto",
            "removed",
            "canceled",
        }
        ambiguous = [row for row in payments if joins[row.token]["ambiguous"]]
        assert all(row.document["paid_in_cents"] and joins[row.token]["token"] is None for row in ambiguous)


def test_a_load_without_payments_has_none_of_their_journeys() -> None:
    with fast() as partner:
        report = partner.drive(20)
        assert not {"payment", "ambiguous_payment"} & report.begun.keys()
        assert all("callback_type" in body for body in partner.recorder.callbacks)
