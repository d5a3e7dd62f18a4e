"""All settings together: what is told of those that cannot be used, are missing, or are secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from settings import Settings, SettingsError

SEAL_KEY = "A" * 43 + "="


def test_everything_that_cannot_be_used_is_told_at_once_and_in_one_order(tmp_path: Path) -> None:
    broken = {
        "RXLEDGER_SANDBOX_URL": "x",
        "RXLEDGER_SEAL_KEYS": "x",
        "DATABASE_URL": "x",
        "REDIS_URL": "x",
        "RXLEDGER_SILENCE_PUSH": "x",
        "RXLEDGER_PULL_EVERY": "x",
        "RXLEDGER_HEALNOW_WEBHOOK_BASIC": "x",
        "RXLEDGER_TRUEPILL_ALLOWED_CIDRS": "x",
        "RXLEDGER_LOOKUP_KEY": "x",
        "RXLEDGER_TRUSTED_PROXIES": "x",
    }
    with pytest.raises(SettingsError) as raised:
        Settings.load(broken, tmp_path)
    wants = " cannot be used: wants "
    assert str(raised.value).splitlines() == [
        f"REDIS_URL{wants}redis://…, rediss://…, redis+socket://… or amqp://…",
        f"DATABASE_URL{wants}postgresql://…, postgres://… or postgresql+psycopg://…",
        f"RXLEDGER_SEAL_KEYS{wants}id:base64 with 32 bytes of key and an id of 1-16 letters, digits, - or _",
        f"RXLEDGER_LOOKUP_KEY{wants}at least 16 characters",
        f"RXLEDGER_HEALNOW_WEBHOOK_BASIC{wants}user:password",
        f"RXLEDGER_TRUEPILL_ALLOWED_CIDRS{wants}addresses or networks such as 192.0.2.0/24",
        f"RXLEDGER_PULL_EVERY{wants}seconds, more than none and less than a year",
        f"RXLEDGER_SILENCE_PUSH{wants}seconds, more than none and less than a year",
        f"RXLEDGER_TRUSTED_PROXIES{wants}addresses or networks such as 192.0.2.0/24",
        f"RXLEDGER_SANDBOX_URL{wants}http://… or https://…",
    ]


def test_one_id_for_two_seal_keys_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^RXLEDGER_SEAL_KEYS names one id twice$"):
        Settings.load({"RXLEDGER_SEAL_KEYS": f"k1:{SEAL_KEY},k1:{SEAL_KEY}"}, tmp_path)


def test_what_a_command_cannot_work_without_is_named_once(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as raised:
        Settings.load({}, tmp_path).require("sealing", "database", "sealing")
    names = [line.partition(" is not set: ")[0] for line in str(raised.value).splitlines()]
    assert names == ["RXLEDGER_SEAL_KEYS", "RXLEDGER_LOOKUP_KEY", "DATABASE_URL"]


def test_the_env_file_of_the_data_folder_fills_what_the_environment_lacks(tmp_path: Path) -> None:
    file = tmp_path / "env"
    file.write_text("# mine\nREDIS_URL=redis://file\nDATABASE_URL=postgres://file/d\n", encoding="utf-8")
    file.chmod(0o600)
    settings = Settings.load({"REDIS_URL": "valkey://environment", "DATABASE_URL": ""}, tmp_path)
    assert settings.redis_url == settings.broker_url == "redis://environment"
    assert settings.database_url == "postgresql://file/d"


def test_no_secret_stands_in_the_repr(tmp_path: Path) -> None:
    secret = "only-for-those-who-may-know"
    given = {
        "DATABASE_URL": f"postgresql://user:{secret}@h/d",
        "REDIS_URL": f"redis://:{secret}@h",
        "RXLEDGER_SEAL_KEYS": f"k1:{SEAL_KEY}",
        "RXLEDGER_LOOKUP_KEY": secret,
        "RXLEDGER_TRUEPILL_WEBHOOK_TOKENS": secret,
        "RXLEDGER_TRUEPILL_WEBHOOK_BASIC": f"user:{secret}",
        "RXLEDGER_HEALNOW_WEBHOOK_HMAC_KEYS": secret,
        "RXLEDGER_METRICS_TOKEN": secret,
        "RXLEDGER_FLOWER_BASIC_AUTH": f"user:{secret}",
        "RXLEDGER_FLOWER_COOKIE_SECRET": secret,
        "RXLEDGER_SANDBOX_KEYS": secret,
    }
    text = repr(Settings.load(given, tmp_path))
    assert secret not in text
    assert r"\x00" not in text
