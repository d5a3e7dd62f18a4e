"""Media: "Media Upload API". A record with a signed URL, the upload to that URL, and the scan.

Readings: paths begin with a slash; `upload_Url` is spelled as printed. The storage stands in for a cloud
bucket: it answers in XML as one does. What is uploaded is looked at and thrown away, so the `url` of a GET
leads nowhere. A file with the marker of the EICAR test virus is quarantined.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from sandbox.endpoint import Answer, Body, Call, Endpoint, Text
from sandbox.engine import Engine, Step, Turn
from sandbox.truepill import consult_steps
from sandbox.truepill.errors import not_found
from sandbox.world import Record

__all__ = ["ENDPOINTS", "STEPS", "routes"]

EXPIRES_SECONDS = 900
REVIEW_SECONDS = 5.0
MOMENT = "%Y%m%dT%H%M%SZ"
LARGEST = 4_000_000_000
VIRUS = b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE"


class MediaCreate(Body):
    name: Text


class MediaCreated(Answer):
    id: str
    status: str
    name: str
    upload_Url: str


class MediaDocument(Answer):
    id: str
    name: str
    status: str
    url: str


def _create(turn: Turn, call: Call) -> dict[str, Any]:
    body: MediaCreate = call.body
    document = {"name": body.name, "status": "AWAITING_UPLOAD", "consults": []}
    media = turn.create("media", _uuid(turn.ids.hex(32)), document)
    return {
        "id": media.token,
        "status": "AWAITING_UPLOAD",
        "name": body.name,
        "upload_Url": _signed(turn, media, call.base_url),
    }


def _uuid(digits: str) -> str:
    """Of version 4."""
    digits = f"{digits[:12]}4{digits[13:16]}{'89ab'[int(digits[16], 16) % 4]}{digits[17:]}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _get(turn: Turn, call: Call) -> dict[str, Any]:
    media = turn.own("media", call.path["id"])
    if media is None:
        raise not_found()
    known = media.document
    url = _signed(turn, media, call.base_url)
    return {"id": media.token, "name": known["name"], "status": known["status"], "url": url}


def _signed(turn: Turn, media: Record, base: str) -> str:
    """A URL that is good for 900 s, with the parameters of the printed one."""
    moment = datetime.fromtimestamp(turn.now, UTC).strftime(MOMENT)
    path = f"tp-media-{media.environment}-inbound/{media.token}/{quote(media.document['name'], safe='')}"
    query = {
        "X-Goog-Algorithm": "GOOG4-RSA-SHA256",
        "X-Goog-Credential": f"upload-scanner@sandbox/{moment[:8]}/auto/storage/goog4_request",
        "X-Goog-Date": moment,
        "X-Goog-Expires": str(EXPIRES_SECONDS),
        "X-Goog-SignedHeaders": "host",
        "X-Goog-Signature": _signature(turn.ids.seed, media, moment),
    }
    return f"{base}storage/{path}?{urlencode(query)}"


def _signature(seed: int, media: Record, moment: str) -> str:
    key = hashlib.sha256(f"media {seed}".encode()).digest()
    return hmac.new(key, f"{media.environment} {media.token} {moment}".encode(), "sha512").hexdigest()


def routes(engine: Engine) -> list[BaseRoute]:
    """The storage: no part of the partner's API, and without its key, as the URL is the permission."""

    async def put(request: Request) -> Response:
        infected, size = await _scan(request.stream())
        if size > LARGEST:
            return _xml(400, "EntityTooLarge", "The object is larger than the range that was set.")
        environment, token = request.path_params["environment"], request.path_params["media_id"]
        media = engine.world.get(environment, "media", token)
        moment, signature = (
            request.query_params.get("X-Goog-Date", ""),
            request.query_params.get("X-Goog-Signature", ""),
        )
        if media is None or not hmac.compare_digest(
            _signature(engine.world.ids.seed, media, moment).encode(), signature.encode()
        ):
            return _xml(403, "SignatureDoesNotMatch", "The signature is not that of this URL.")
        customer = engine.customers.by_name.get(media.customer)
        if customer is None:
            return _xml(403, "AccessDenied", "The customer is not known any more.")
        with engine.turn(customer) as turn:
            if turn.now >= _seconds(moment) + EXPIRES_SECONDS:
                return _xml(400, "ExpiredToken", "The URL is not good any more.")
            # The row as it is now: it may have changed while the body came in.
            media = engine.world.get(environment, "media", token) or media
            _uploaded(turn, media, infected)
        return Response(status_code=200)

    path = "/storage/tp-media-{environment}-inbound/{media_id}/{name:path}"
    return [Route(path, put, methods=["PUT"])]


def _seconds(moment: str) -> float:
    return datetime.strptime(moment, MOMENT).replace(tzinfo=UTC).timestamp()


async def _scan(stream: AsyncIterator[bytes]) -> tuple[bool, int]:
    """Whether the marker is in it, and its size; nothing of it is kept."""
    infected, size, tail = False, 0, b""
    async for chunk in stream:
        size += len(chunk)
        window = tail + chunk
        infected = infected or VIRUS in window
        tail = window[-len(VIRUS) :]
    return infected, size


def _xml(status: int, code: str, message: str) -> Response:
    error = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    text = f"<?xml version='1.0' encoding='UTF-8'?>{error}"
    return Response(text, status, media_type="application/xml")


def _uploaded(turn: Turn, media: Record, infected: bool) -> None:
    """It is reviewed; an upload of the same once more is reviewed anew."""
    turn.settle(media)
    media.document["status"] = "REVIEWING"
    consult_steps.file_arrived(turn, media)
    turn.save(media)
    turn.later(REVIEW_SECONDS, "media_reviewed", media, infected=infected)


def _reviewed(turn: Turn, media: Record, data: Mapping[str, Any]) -> None:
    media.document["status"] = "QUARANTINE" if data["infected"] else "AVAILABLE"
    turn.save(media)


MEDIA = "/api/v2/media"
STEPS: dict[str, Step] = {"media_reviewed": _reviewed}
ENDPOINTS = (
    Endpoint("POST", MEDIA, "Create a media record", _create, MediaCreated, body=MediaCreate),
    Endpoint("GET", f"{MEDIA}/{{id}}", "Get a media record", _get, MediaDocument),
)
