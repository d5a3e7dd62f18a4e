"""DIR/env: made once, private, and respectful of what a person put there."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from ops.files import write_private
from ops.local.data_folder import GENERATED, generate, partner_values, set_values
from settings import Settings, SettingsError, read_env_file


def test_what_is_generated_is_accepted_by_the_settings(tmp_path: Path) -> None:
    generate(tmp_path, {})
    set_values(tmp_path, {"DATABASE_URL": "postgresql://h/d", "REDIS_URL": "redis://h"})
    settings = Settings.load({}, tmp_path)
    settings.require("database", "broker", "sealing", "receiver", "flower", "sandbox")
    assert settings.spool == tmp_path / "spool"
    assert all(partner.has_secret for partner in settings.partners)


def test_a_second_start_finds_the_keys_of_the_first(tmp_path: Path) -> None:
    first = generate(tmp_path, {})
    assert generate(tmp_path, {}) == first
    assert set(first) == set(GENERATED)


def test_two_folders_never_share_a_secret(tmp_path: Path) -> None:
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
    one, other = (generate(folder, {}) for folder in folders)
    header = {"RXLEDGER_HEALNOW_WEBHOOK_HMAC_HEADER"}
    assert {name for name, value in one.items() if other[name] == value} == header


def test_the_file_can_be_read_by_its_owner_alone(tmp_path: Path) -> None:
    generate(tmp_path, {})
    assert stat.S_IMODE((tmp_path / "env").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["env"]


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    generate(tmp_path, {})
    (tmp_path / "env").chmod(0o640)
    with pytest.raises(SettingsError, match="chmod 600"):
        generate(tmp_path, {})


def test_what_the_environment_sets_is_neither_generated_nor_copied(tmp_path: Path) -> None:
    stored = generate(tmp_path, {"RXLEDGER_LOOKUP_KEY": "from-the-environment-0123456789"})
    assert "RXLEDGER_LOOKUP_KEY" not in stored
    assert "from-the-environment" not in (tmp_path / "env").read_text()


def test_a_generated_key_survives_a_run_with_a_key_from_the_environment(tmp_path: Path) -> None:
    first = generate(tmp_path, {})
    generate(tmp_path, {"RXLEDGER_SEAL_KEYS": "k9:" + "A" * 43 + "="})
    assert generate(tmp_path, {})["RXLEDGER_SEAL_KEYS"] == first["RXLEDGER_SEAL_KEYS"]


def test_lines_that_a_person_added_stay(tmp_path: Path) -> None:
    write_private(tmp_path / "env", b"# mine\nRXLEDGER_TRUEPILL_API_KEY=abc\nREDIS_URL=redis://old\n")
    generate(tmp_path, {})
    set_values(tmp_path, {"REDIS_URL": "redis://new", "BROKER_URL": None})
    lines = (tmp_path / "env").read_text().splitlines()
    assert lines[:3] == ["# mine", "RXLEDGER_TRUEPILL_API_KEY=abc", "REDIS_URL=redis://new"]


def test_an_address_can_be_changed_and_taken_out(tmp_path: Path) -> None:
    set_values(tmp_path, {"REDIS_URL": "redis://one", "DATABASE_URL": "postgresql://h/d"})
    set_values(tmp_path, {"REDIS_URL": None, "DATABASE_URL": "postgresql://h/e"})
    assert read_env_file(tmp_path / "env") == {"DATABASE_URL": "postgresql://h/e"}


@pytest.mark.parametrize("value", ["redis://h\nRXLEDGER_SEAL_KEYS=x", " redis://h", "redis://h\r"])
def test_a_value_that_would_not_come_back_the_same_is_refused(tmp_path: Path, value: str) -> None:
    with pytest.raises(SettingsError, match="REDIS_URL"):
        set_values(tmp_path, {"REDIS_URL": value})
    assert not (tmp_path / "env").exists()


BASE, API_KEY, SANDBOX = "RXLEDGER_TRUEPILL_BASE_URL", "RXLEDGER_TRUEPILL_API_KEY", "RXLEDGER_SANDBOX_URL"
PAY_BASE, PAY_KEY = "RXLEDGER_HEALNOW_BASE_URL", "RXLEDGER_HEALNOW_API_KEY"


def at(url: str, key: str) -> dict[str, str]:
    return {BASE: url, API_KEY: key, PAY_BASE: f"{url}/healnow", PAY_KEY: key}


def test_calls_to_the_partners_go_to_the_sandbox_where_nobody_says_otherwise() -> None:
    assert partner_values({}, {}, "http://s:1", "k") == at("http://s:1", "k")
    before = {**at("http://s:1", "k"), SANDBOX: "http://s:1"}
    assert partner_values(before, {}, "http://s:2", "k") == at("http://s:2", "k")


@pytest.mark.parametrize("name", [BASE, API_KEY, PAY_BASE, PAY_KEY])
def test_what_a_person_set_about_a_partner_stays(name: str) -> None:
    others = {row: value for row, value in at("http://s:2", "k").items() if row[:14] != name[:14]}
    assert len(others) == 2
    assert partner_values({name: "mine", SANDBOX: "http://s:1"}, {}, "http://s:2", "k") == others
    assert partner_values({}, {name: "mine"}, "http://s:2", "k") == others


def test_what_an_earlier_run_set_goes_when_its_sandbox_does() -> None:
    before = {**at("http://s:1", "k"), SANDBOX: "http://s:1"}
    assert partner_values(before, {}, None, None) == dict.fromkeys(before.keys() - {SANDBOX})
    found = partner_values(before, {BASE: "http://real"}, "http://s:2", "k")
    assert found == {**at("http://s:2", "k"), BASE: None, API_KEY: None}
    assert partner_values({}, {}, None, None) == {}
