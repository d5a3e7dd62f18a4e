"""Who may call the sandbox, and where their callbacks go: from the settings of the data folder."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from ops.refused import Refused
from sandbox.customers import Callback, Customer, Environment, callback
from sandbox.partner import Partner
from sandbox.partners import partners
from settings import PartnerSettings, Settings, hmac_secret

__all__ = ["customers_of"]


def customers_of(
    settings: Settings, environment: Environment, keys: tuple[str, ...], url: str | None
) -> list[Customer]:
    """One for each key. The first is called as its environment is. Raises Refused.

    `url`: where the pharmacy's callbacks go instead; those of the others go to our receiver.
    """
    callbacks = _receiver(settings)
    try:
        if url:
            callbacks = {**callbacks, "truepill": callback(url)}
    except ValueError as error:
        raise Refused(f"the {environment} callback URL cannot be used: {error}") from None
    names = [environment, *(f"{environment}-{number}" for number in range(2, len(keys) + 1))]
    return [Customer(name, environment, key, callbacks) for name, key in zip(names, keys, strict=False)]


def _receiver(settings: Settings) -> Mapping[str, Callback]:
    """Our own receiver, for each partner whose callbacks it is set up for or needs no secret for."""
    if not settings.receiver_url:
        return {}
    ours = {partner.name: partner for partner in settings.partners}
    url = f"{settings.receiver_url.rstrip('/')}/webhooks"
    return {
        partner.name: _secured(f"{url}/{partner.name}", partner, ours[partner.name])
        for partner in partners()
        if partner.name in ours
    }


def _secured(url: str, partner: Partner, known: PartnerSettings) -> Callback:
    """With the first secret that we accept: a signature where the partner signs, a token, or a login."""
    if partner.signing and known.hmac_keys and known.hmac_header:
        return callback(url, sign=partner.signing(hmac_secret(known.hmac_keys[0]), known.hmac_header))
    if known.tokens or not known.basic:
        return callback(url, known.tokens[0] if known.tokens else None)
    scheme, _, rest = url.partition("://")
    user, _, password = known.basic[0].partition(":")
    return callback(f"{scheme}://{quote(user, safe='')}:{quote(password, safe='')}@{rest}")
