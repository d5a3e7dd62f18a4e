"""The settings of pulls: what they are when nothing is said, and what they refuse."""

from __future__ import annotations

from pathlib import Path

import pytest

from settings import CallSettings, PullSettings, Settings, SettingsError


def load(tmp_path: Path, **values: str) -> Settings:
    return Settings.load(values, tmp_path)


def test_pulls_are_off_and_otherwise_complete_when_nothing_is_set(tmp_path: Path) -> None:
    settings = load(tmp_path)
    assert settings.partner("truepill").api_key is None
    assert settings.pull == PullSettings()
    # No more often than that under `rxledger up`.
    assert settings.pull.every >= 300


@pytest.mark.parametrize("name", ["truepill", "healnow"])
def test_a_sandbox_of_our_own_is_called_more_often_than_a_partner(tmp_path: Path, name: str) -> None:
    ours = {"RXLEDGER_SANDBOX_URL": "http://127.0.0.1:8780"}

    def calls(**more: str) -> int:
        return load(tmp_path, **ours, **more).partner(name).calls.calls_per_minute

    address, budget = f"RXLEDGER_{name.upper()}_BASE_URL", f"RXLEDGER_{name.upper()}_CALLS_PER_MINUTE"
    usual = CallSettings().calls_per_minute
    assert calls() == usual
    assert calls(**{address: "https://api.example.com"}) == usual
    assert calls(**{address: "http://127.0.0.1:8781"}) == usual
    for below in ("", "/", "/healnow"):
        sandbox = {address: ours["RXLEDGER_SANDBOX_URL"] + below}
        assert calls(**sandbox) == 6000
        assert calls(**sandbox, **{budget: "30"}) == 30


def test_each_is_read_from_its_variable(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        RXLEDGER_TRUEPILL_API_KEY="tp_secret",
        RXLEDGER_TRUEPILL_CALLS_PER_MINUTE="30",
        RXLEDGER_TRUEPILL_TIMEOUT="2.5",
        RXLEDGER_TRUEPILL_CONNECTIONS="2",
        RXLEDGER_TRUEPILL_LIVE_CONTRACT="no",
        RXLEDGER_TRUEPILL_PULL_TYPES="consult, FILE",
        RXLEDGER_PULL_EVERY="600",
        RXLEDGER_PULL_OVERLAP="7200",
        RXLEDGER_PULL_QUIET="60",
    )
    assert settings.partner("truepill").api_key == "tp_secret"
    calls = CallSettings(30, 2.5, 2, "no", ("CONSULT", "FILE"))
    assert settings.partner("truepill").calls == calls
    assert settings.partner("healnow").calls == CallSettings()
    assert settings.pull == PullSettings(600, 7200, 60)
    assert "tp_secret" not in repr(settings)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RXLEDGER_TRUEPILL_API_KEY", "two\nlines"),
        ("RXLEDGER_TRUEPILL_CALLS_PER_MINUTE", "-7"),
        ("RXLEDGER_TRUEPILL_CALLS_PER_MINUTE", "many"),
        ("RXLEDGER_TRUEPILL_TIMEOUT", "-1"),
        ("RXLEDGER_TRUEPILL_TIMEOUT", "nan"),
        ("RXLEDGER_TRUEPILL_CONNECTIONS", "1.5"),
        ("RXLEDGER_TRUEPILL_LIVE_CONTRACT", "maybe"),
        ("RXLEDGER_TRUEPILL_PULL_TYPES", "a/b"),
        ("RXLEDGER_PULL_EVERY", "inf"),
        ("RXLEDGER_PULL_OVERLAP", "soon"),
    ],
)
def test_what_cannot_be_used_is_named_without_its_value(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"{name} cannot be used: wants") as raised:
        load(tmp_path, **{name: value})
    assert value not in str(raised.value).removeprefix(f"{name} cannot be used: ")
