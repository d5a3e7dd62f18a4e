"""Media: a record with a signed URL, the upload, and what the scan finds."""

from __future__ import annotations

import uuid
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.support.sandbox import KEY, LIVE_KEY, OTHER_KEY, Desk, shape

PATH = "/api/v2/media"


def test_a_record_comes_with_a_url_that_is_good_for_fifteen_minutes(desk: Desk) -> None:
    answer = desk.done("POST", PATH, {"name": "image.jpg"})
    assert shape(answer) == {"id": "str", "status": "str", "name": "str", "upload_Url": "str"}
    assert (answer["status"], answer["name"], uuid.UUID(answer["id"]).version) == (
        "AWAITING_UPLOAD",
        "image.jpg",
        4,
    )
    query = parse_qs(urlsplit(answer["upload_Url"]).query)
    assert query["X-Goog-Expires"] == ["900"]
    assert {"X-Goog-Algorithm", "X-Goog-Credential", "X-Goog-Date", "X-Goog-Signature"} <= query.keys()


@pytest.mark.parametrize("name", ["image.jpg", "a photo/of me?.jpg", "ünïcode.png"])
def test_an_upload_is_reviewed_and_then_available(desk: Desk, name: str) -> None:
    answer = desk.done("POST", PATH, {"name": name})
    one = f"{PATH}/{answer['id']}"
    assert desk.done("GET", one)["status"] == "AWAITING_UPLOAD"
    assert desk.upload(answer["upload_Url"], b"\xff\xd8 a photo") == 200
    assert desk.done("GET", one)["status"] == "REVIEWING"
    desk.wait(10)
    document = desk.done("GET", one)
    assert shape(document) == {"id": "str", "name": "str", "status": "str", "url": "str"}
    assert (document["id"], document["name"], document["status"]) == (answer["id"], name, "AVAILABLE")


def test_a_virus_is_quarantined(desk: Desk) -> None:
    answer = desk.done("POST", PATH, {"name": "image.jpg"})
    marker = b"$EICAR-STANDARD-" + b"ANTIVIRUS-TEST-FILE!"
    assert desk.upload(answer["upload_Url"], b"x" * 200_000 + marker) == 200
    desk.wait(10)
    assert desk.done("GET", f"{PATH}/{answer['id']}")["status"] == "QUARANTINE"


def test_a_url_expires(desk: Desk) -> None:
    late, early = (desk.done("POST", PATH, {"name": "image.jpg"}) for _ in range(2))
    desk.wait(899)
    assert desk.upload(early["upload_Url"], b"a photo") == 200
    desk.wait(1)
    assert desk.upload(late["upload_Url"], b"a photo") == 400
    assert desk.done("GET", f"{PATH}/{late['id']}")["status"] == "AWAITING_UPLOAD"


def test_a_url_is_good_for_its_own_record_and_time(desk: Desk) -> None:
    first, second = (desk.done("POST", PATH, {"name": "image.jpg"}) for _ in range(2))
    url = first["upload_Url"]
    later = url.replace("X-Goog-Date=2026", "X-Goog-Date=2027")
    assert later != url
    unsigned = url[: url.index("?")]
    for wrong in (url.replace(first["id"], second["id"]), later, unsigned, url[:-1], url + "é"):
        assert desk.upload(wrong, b"a photo") == 403
    assert desk.done("GET", f"{PATH}/{first['id']}")["status"] == "AWAITING_UPLOAD"


def test_a_name_is_wanted(desk: Desk) -> None:
    for body, message in (({}, "is required"), ({"name": ""}, "is not allowed to be empty")):
        status, document = desk.call("POST", PATH, body)
        assert status == 400
        assert document["validation_errors"] == [{"key": "name", "message": message}]


def test_media_are_ones_own(desk: Desk) -> None:
    media = desk.done("POST", PATH, {"name": "image.jpg"})["id"]
    for path, key in (
        (f"{PATH}/unknown", KEY),
        (f"{PATH}/{media}", OTHER_KEY),
        (f"{PATH}/{media}", LIVE_KEY),
    ):
        assert desk.call("GET", path, key=key)[0] == 404
    assert desk.call("POST", PATH, {"name": "image.jpg"}, key=None)[0] == 401
