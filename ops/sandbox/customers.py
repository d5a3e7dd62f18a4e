"""Who may call the sandbox, and where their callbacks go: from the settings of the data folder."""

from __future__ import annotations

from urllib.parse import quote

from ops.refused import Refused
from sandbox.customers import Callback, Customer, Environment, callback
from settings import Settings

__all__ = ["customers_of"]


def customers_of(
    settings: Settings, environment: Environment, keys: tuple[str, ...], url: str | None
) -> list[Customer]:
    """One for each key. The first is called as its environment is. Raises Refused."""
    try:
        target = callback(url) if url else _receiver(settings)
    except ValueError as error:
        raise Refused(f"the {environment} callback URL cannot be used: {error}") from None
    names = [environment, *(f"{environment}-{number}" for number in range(2, len(keys) + 1))]
    return [Customer(name, environment, key, target) for name, key in zip(names, keys, strict=False)]


def _receiver(settings: Settings) -> Callback | None:
    """Our own receiver, with the first secret that it accepts."""
    if not settings.receiver_url:
        return None
    url = f"{settings.receiver_url.rstrip('/')}/webhooks/truepill"
    partner = settings.partner("truepill")
    if partner.tokens or not partner.basic:
        return callback(url, partner.tokens[0] if partner.tokens else None)
    scheme, _, rest = url.partition("://")
    user, _, password = partner.basic[0].partition(":")
    return callback(f"{scheme}://{quote(user, safe='')}:{quote(password, safe='')}@{rest}")
