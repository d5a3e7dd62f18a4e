"""The settings of silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from settings import Settings, SettingsError, SilenceSettings


def test_the_pages_say_how_long_where_no_setting_does(tmp_path: Path) -> None:
    assert Settings.load({}, tmp_path).silence == SilenceSettings({}, 3600.0)


def test_states_take_days_and_partners_seconds(tmp_path: Path) -> None:
    given = {
        "RXLEDGER_SILENCE_AFTER": "fill_request.completed=5, copay.pending=0.5",
        "RXLEDGER_SILENCE_PUSH": "7200",
    }
    assert Settings.load(given, tmp_path).silence == SilenceSettings(
        {("fill_request", "completed"): 432_000.0, ("copay", "pending"): 43_200.0}, 7200.0
    )


@pytest.mark.parametrize(
    "value",
    [
        "completed=5",
        "fill_request.completed",
        "fill_request.completed=soon",
        "fill_request.completed=-1",
        "fill_request.completed=400",
        "fill_request.completed=nan",
        "fill_request.delivered=5",
        "fill_request.triage=5",
        "spaceship.pending=5",
    ],
)
def test_what_cannot_be_used_is_named_without_its_value(tmp_path: Path, value: str) -> None:
    with pytest.raises(SettingsError, match="RXLEDGER_SILENCE_AFTER cannot be used: wants KIND") as raised:
        Settings.load({"RXLEDGER_SILENCE_AFTER": value}, tmp_path)
    assert value not in str(raised.value)
