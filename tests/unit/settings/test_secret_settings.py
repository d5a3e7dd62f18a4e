"""Secrets that guard us: what is refused at start, by name and without the value."""

from __future__ import annotations

import base64
from collections.abc import Mapping

import pytest

from settings import Settings, SettingsError, hmac_secret

LONG = "a-secret-that-is-long-enough"
BYTES = bytes(range(200, 224))  # in base64 it has a + and a /
STANDARD, URL_SAFE = base64.b64encode(BYTES).decode(), base64.urlsafe_b64encode(BYTES).decode()
LISTS = ("TOKENS", "BASIC", "HMAC_KEYS")


def load(variables: Mapping[str, str]) -> Settings:
    return Settings.load({"RXLEDGER_DATA": "/nonexistent", **variables})


def refusal(variables: Mapping[str, str]) -> str:
    with pytest.raises(SettingsError) as refused:
        load(variables)
    return str(refused.value)


@pytest.mark.parametrize("partner", ["TRUEPILL", "HEALNOW"])
def test_a_key_that_was_pasted_with_its_version_is_refused(partner: str) -> None:
    name = f"RXLEDGER_{partner}_WEBHOOK_HMAC_KEYS"
    told = refusal({name: f"v1,whsec_{STANDARD}"})
    assert told == f"{name} cannot be used: wants at least 16 characters"


@pytest.mark.parametrize(
    ("variables", "wants"),
    [
        ({"RXLEDGER_TRUEPILL_WEBHOOK_TOKENS": f"{LONG},v1"}, "at least 16 characters"),
        ({"RXLEDGER_TRUEPILL_WEBHOOK_TOKENS": f"Bearer {LONG}"}, "printable ASCII without a space"),
        (
            {"RXLEDGER_TRUEPILL_WEBHOOK_BASIC": f"user:{LONG},user:short"},
            "at least 16 characters of password",
        ),
        (
            {"RXLEDGER_HEALNOW_WEBHOOK_HMAC_KEYS": "whsec_c2hvcnQ="},
            "at least 16 bytes in base64 behind whsec_",
        ),
        ({"RXLEDGER_HEALNOW_WEBHOOK_HMAC_KEYS": "whsec_" + "a" * 25}, "base64 behind whsec_"),
        ({"RXLEDGER_METRICS_TOKEN": "short"}, "at least 16 characters"),
        ({"RXLEDGER_FLOWER_BASIC_AUTH": "user:short"}, "at least 16 characters of password"),
        ({"RXLEDGER_FLOWER_COOKIE_SECRET": "short"}, "at least 16 characters"),
        ({"RXLEDGER_LOOKUP_KEY": "short"}, "at least 16 characters"),
    ],
)
def test_a_secret_that_could_be_guessed_is_refused_by_its_name_alone(
    variables: Mapping[str, str], wants: str
) -> None:
    ((name, value),) = variables.items()
    told = refusal(variables)
    assert told == f"{name} cannot be used: wants {wants}"
    assert value not in told


def test_short_secrets_can_be_allowed_for_a_test() -> None:
    variables = {"RXLEDGER_TRUEPILL_WEBHOOK_TOKENS": "short", "RXLEDGER_ALLOW_SHORT_SECRETS": "yes"}
    assert load(variables).partner("truepill").tokens == ("short",)


@pytest.mark.parametrize("encoded", [STANDARD, URL_SAFE, STANDARD.rstrip("="), URL_SAFE.rstrip("=")])
def test_a_standard_webhooks_key_may_be_in_either_alphabet_padded_or_not(encoded: str) -> None:
    settings = load({"RXLEDGER_TRUEPILL_WEBHOOK_HMAC_KEYS": f"whsec_{encoded}"})
    (key,) = settings.partner("truepill").hmac_keys
    assert hmac_secret(key) == BYTES


@pytest.mark.parametrize("suffix", LISTS)
def test_a_list_is_good_as_a_whole_or_not_at_all(suffix: str) -> None:
    one = {"TOKENS": LONG, "BASIC": f"user:{LONG}", "HMAC_KEYS": LONG}[suffix]
    name = f"RXLEDGER_TRUEPILL_WEBHOOK_{suffix}"
    assert load({name: f" {one} , {one}2,"}).partner("truepill").has_secret
    assert name in refusal({name: f"{one},x"})


@pytest.mark.parametrize("quote", ['"', "'"])
@pytest.mark.parametrize("name", ["RXLEDGER_TRUEPILL_WEBHOOK_TOKENS", "RXLEDGER_TRUSTED_PROXIES"])
def test_a_list_in_quotes_is_refused(name: str, quote: str) -> None:
    """Some readers of files of variables leave the quotes, and each callback would be refused then."""
    with pytest.raises(SettingsError, match=f"^{name} cannot be used: wants no quotes around it$"):
        load({name: f"{quote}{LONG},another-{LONG}{quote}"})
