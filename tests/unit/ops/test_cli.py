"""The command line's frame: exit codes, and what is said about missing settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops import cli

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("DATABASE_URL", "REDIS_URL", "BROKER_URL", "RXLEDGER_SEAL_KEYS", "RXLEDGER_LOOKUP_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RXLEDGER_DATA", str(tmp_path))


def call(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["rxledger", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


@pytest.mark.parametrize(
    "arguments", [["no-such-command"], ["web", "--no-such-option"], ["web", "--port", "0"]]
)
def test_a_wrong_call_ends_with_two(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured, arguments: list[str]
) -> None:
    assert call(monkeypatch, *arguments) == 2
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("command", ["web", "worker"])
def test_a_process_without_settings_names_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured, command: str
) -> None:
    assert call(monkeypatch, command, "--json") == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    for name in ("DATABASE_URL", "REDIS_URL", "RXLEDGER_SEAL_KEYS", "RXLEDGER_LOOKUP_KEY"):
        assert name in printed.err


def test_the_receiver_alone_asks_for_a_partners_secret(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    assert call(monkeypatch, "web") == 1
    assert "RXLEDGER_TRUEPILL_WEBHOOK_TOKENS" in capsys.readouterr().err


def test_the_data_folder_is_read_for_what_the_environment_lacks(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured, tmp_path: Path
) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    env = folder / "env"
    env.write_text("DATABASE_URL=postgresql://h/d\n")
    env.chmod(0o600)
    assert call(monkeypatch, "worker", "--data", str(folder)) == 1
    printed = capsys.readouterr().err
    assert "DATABASE_URL" not in printed
    assert "REDIS_URL" in printed


def test_a_database_that_is_away_is_one_line_on_stderr(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured, tmp_path: Path
) -> None:
    secret = "do-not-show"
    monkeypatch.setenv("DATABASE_URL", f"postgresql://u:{secret}@/d?host={tmp_path}")
    assert call(monkeypatch, "migrate") == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert "PostgreSQL" in printed.err
    assert secret not in printed.err


@pytest.mark.parametrize("speed", ["0", "fast", "-3x"])
def test_a_sandbox_with_an_impossible_speed_is_wrong_usage(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured, speed: str
) -> None:
    monkeypatch.setenv("RXLEDGER_SANDBOX_KEYS", "key")
    assert call(monkeypatch, "sandbox", "--speed", speed) == 2
    assert "1 or more" in capsys.readouterr().err


def test_a_sandbox_without_keys_names_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.delenv("RXLEDGER_SANDBOX_KEYS", raising=False)
    assert call(monkeypatch, "sandbox") == 1
    assert "RXLEDGER_SANDBOX_KEYS" in capsys.readouterr().err


def test_a_state_file_that_is_none_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured, tmp_path: Path
) -> None:
    monkeypatch.setenv("RXLEDGER_SANDBOX_KEYS", "key")
    (tmp_path / "state").write_text("this is no database, and long enough to be taken for none" * 20)
    assert call(monkeypatch, "sandbox", "--state", str(tmp_path / "state")) == 1
    assert "cannot be used as the sandbox's state" in capsys.readouterr().err
    assert call(monkeypatch, "sandbox", "--state", str(tmp_path / "no" / "state")) == 1
