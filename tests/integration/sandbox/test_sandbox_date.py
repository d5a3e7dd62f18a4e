"""Every answer tells the time by the sandbox's own clock."""

from __future__ import annotations

import http.client
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import pytest

from sandbox.profile import CALM, overridden
from tests.support.sandbox import KEY, START, Desk
from tests.support.sandbox import desk as served

ADA = b'{"first_name": "Ada", "last_name": "Doe", "gender": "female", "dob": "19820115"}'


def dates(desk: Desk, method: str, path: str, body: bytes | None = None, key: str | None = KEY) -> list[str]:
    """The Date headers of an answer."""
    parts = urlsplit(desk.url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=20)
    headers = {"Authorization": f"ApiKey {key}"} if key else {}
    try:
        connection.request(method, path, body, headers)
        return connection.getresponse().headers.get_all("Date") or []
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("method", "path", "body", "key"),
    [
        ("PUT", "/v1/patient", ADA, KEY),
        ("GET", "/v1/webhook_events/notify_rx", None, KEY),
        ("GET", "/v1/prescription/unknown", None, KEY),
        ("GET", "/v1/nothing", None, KEY),
        ("PUT", "/v1/patient", b"{", KEY),
        ("PUT", "/v1/patient", ADA, None),
        ("GET", "/openapi.json", None, None),
        ("GET", "/_sandbox/status", None, None),
        ("PUT", "/media/unsigned", b"x", None),
    ],
)
def test_every_answer_has_one_date_and_it_is_the_sandboxs(
    desk: Desk, method: str, path: str, body: bytes | None, key: str | None
) -> None:
    desk.time[0] += 0.9
    (date,) = dates(desk, method, path, body, key)
    assert date == "Mon, 02 Feb 2026 02:40:00 GMT"
    assert parsedate_to_datetime(date).timestamp() == START
    desk.time[0] += 86_400
    assert dates(desk, method, path, body, key) == ["Tue, 03 Feb 2026 02:40:00 GMT"]


@pytest.mark.parametrize("fault", ["answer_503", "answer_lost", "answer_cut"])
def test_an_answer_that_is_spoilt_has_it_too(fault: str) -> None:
    with served(profile=overridden(CALM, {fault: 1.0})) as desk:
        assert dates(desk, "PUT", "/v1/patient", ADA) == ["Mon, 02 Feb 2026 02:40:00 GMT"]
