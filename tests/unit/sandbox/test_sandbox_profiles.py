"""Profiles: what may stand in one, and what is said of one that cannot be used."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, asdict
from pathlib import Path

import pytest

from sandbox.conduct import Conduct, Manner, read_manner
from sandbox.profile import CALM, FAULTS, Profile, ProfileError, bundled, load_profile


def written(folder: Path, text: str) -> str:
    path = folder / "own.toml"
    path.write_text(text)
    return str(path)


def test_the_profiles_that_come_along_can_all_be_read() -> None:
    assert bundled() == ["black-friday", "calm", "hostile", "lossy"]
    profiles = {name: load_profile(name) for name in bundled()}
    assert all(profile.name == name for name, profile in profiles.items())
    assert profiles["calm"] == CALM


def test_hostile_leaves_nothing_out() -> None:
    hostile = asdict(load_profile("hostile"))
    # How copies are pulled is no misbehaviour: the reference shows them bare.
    assert [name for name, value in hostile.items() if not value] == ["whole_copies"]


def test_a_profile_of_ones_own_is_a_file(tmp_path: Path) -> None:
    profile = load_profile(written(tmp_path, "drop = 0.5\ndelay_seconds = 10\n"))
    assert profile == Profile(name="own", drop=0.5, delay_seconds=10)


def test_a_profile_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        CALM.drop = 1.0  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("dropp = 0.1", "own.toml: 'dropp' is nothing of a profile: it has drop, "),
        ("name = 'other'", "'name' is nothing of a profile"),
        ("drop = 1.5", "drop must be a chance from 0 to 1"),
        ("drop = -0.1", "drop must be a chance from 0 to 1"),
        ("drop = nan", "drop must be a chance from 0 to 1"),
        ("drop = true", "drop must be a number"),
        ("drop = '0.1'", "drop must be a number"),
        ("delay_seconds = -1", "delay_seconds must be from 0 seconds to 30 days"),
        ("delay_seconds = inf", "delay_seconds must be from 0 seconds to 30 days"),
        ("hang_up = 0.6\nstall = 0.6", "hang_up and stall are more than 1 together"),
        ("answer_429 = 0.6\nanswer_500 = 0.6", "are more than 1 together"),
        ("dark_seconds = 5\ndark_every = 5", "dark_seconds must be less than dark_every"),
        ("dark_seconds = 5", "dark_seconds must be less than dark_every"),
        ("drop", "own.toml is no TOML"),
    ],
)
def test_what_is_wrong_with_a_profile_is_said(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ProfileError) as raised:
        load_profile(written(tmp_path, text))
    assert says in str(raised.value)


def test_a_profile_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match=r"no profile 'lossless': there is black-friday, calm"):
        load_profile("lossless")
    with pytest.raises(ProfileError, match=r"none\.toml cannot be read: No such file"):
        load_profile(str(tmp_path / "none.toml"))


@pytest.mark.parametrize(
    ("header", "manner"),
    [
        ("", Manner("", None)),
        ("lossy", Manner("lossy", None)),
        (" hostile ; drop = 1 ", Manner("hostile; drop=1", None)),
        ("drop=1,answer=503", Manner("drop=1", "503")),
        ("answer=plain", Manner("", "plain")),
    ],
)
def test_the_header_names_a_profile_changes_it_and_asks_for_an_answer(header: str, manner: Manner) -> None:
    assert read_manner(header) == manner


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ("answer=teapot", "answer must be plain, 429, 500, 503, lost, cut, stall"),
        ("nowhere", "there is no profile 'nowhere'"),
        ("drop=much", "drop must be a number"),
        ("drop=2", "drop must be a chance"),
        ("/etc/passwd.toml", "a request names a profile that comes with the sandbox"),
    ],
)
def test_a_header_that_cannot_be_read_is_said(header: str, says: str) -> None:
    with pytest.raises(ProfileError) as raised:
        read_manner(header)
    assert says in str(raised.value)


class Machine:
    """A machine's time."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_lent_profile_is_given_back_or_ends_by_itself() -> None:
    machine = Machine()
    conduct = Conduct(1, CALM, machine)
    lossy = load_profile("lossy")
    conduct.lend(lossy, 10)
    assert conduct.profile is lossy
    machine.now += 9.9
    conduct.lend(lossy, 10)  # kept
    machine.now += 9.9
    assert conduct.profile is lossy
    machine.now += 0.1
    assert conduct.profile is CALM
    conduct.lend(lossy, 10)
    conduct.give_back()
    assert conduct.profile is CALM


def test_the_partner_is_dark_when_told_to_and_by_its_profile() -> None:
    machine = Machine()
    conduct = Conduct(1, CALM, machine)
    conduct.go_dark(5)
    assert conduct.dark
    machine.now += 5
    assert not conduct.dark
    conduct.lend(Profile(dark_every=30, dark_seconds=3), 100)
    seen = []
    for _ in range(60):
        seen.append(conduct.dark)
        machine.now += 1
    assert [second for second, dark in enumerate(seen) if dark] == [27, 28, 29, 57, 58, 59]


def test_a_request_may_ask_for_any_answer() -> None:
    conduct = Conduct(1, CALM, Machine())
    assert conduct.fault(Manner("", None)) is None
    assert conduct.fault(Manner("", "503")) == "503"
    conduct.lend(Profile(answer_500=1.0), 10)
    assert conduct.fault(Manner("", None)) == "500"
    assert conduct.fault(Manner("", "plain")) is None


def test_answers_go_wrong_as_often_as_the_profile_says_and_as_the_seed_draws() -> None:
    def faults(seed: int) -> list[str | None]:
        conduct = Conduct(seed, Profile(answer_429=0.2, answer_cut=0.1), Machine())
        return [conduct.fault(Manner()) for _ in range(1000)]

    once = faults(3)
    assert once == faults(3) != faults(4)
    assert 150 < once.count("429") < 250
    assert 60 < once.count("cut") < 140
    assert set(once) == {None, "429", "cut"}
    assert all(f"answer_{name}" in FAULTS for name in ("429", "cut"))
