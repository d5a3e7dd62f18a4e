"""Which messages are our tasks by their form: all that we send, and nothing over which Celery would end."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from kombu.message import Message

from workers.celery.app import app
from workers.celery.messages import trouble

TASKS = frozenset({"rxledger.apply"})
CALL: Any = ([[1, 2]], {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None})


#: kombu has no types.
Made: Any = Message


def message(content: Any = CALL, content_type: str | None = "application/json", **headers: Any) -> Any:
    """A message as Celery makes it, but for what is said otherwise."""
    made = app.amqp.as_task_v2("an id", "rxledger.apply", args=([1, 2],))
    return Made(
        content if isinstance(content, bytes) else orjson.dumps(content),
        content_type=content_type,
        content_encoding="utf-8",
        headers={**made.headers, **headers},
        accept={"application/json"},
    )


@pytest.mark.parametrize("headers", [{}, {"timelimit": [900, 840.0]}, {"retries": 1}])
def test_what_we_send_is_taken(headers: dict[str, Any]) -> None:
    assert trouble(message(**headers), TASKS) is None


@pytest.mark.parametrize(
    "headers",
    [
        {"task": "another.application"},
        {"task": ["rxledger.apply"]},
        {"task": None},
        {"id": None},
        {"id": [1]},
        {"timelimit": "soon"},
        {"timelimit": ["a", "b"]},
        {"timelimit": [1, 2, 3]},
        {"timelimit": 5},
        {"stamped_headers": 5},
    ],
    ids=str,
)
def test_another_head_is_not_taken(headers: dict[str, Any]) -> None:
    assert trouble(message(**headers), TASKS) is not None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b"[" * 100_000,
        7,
        None,
        [[1], {}],
        {"a": 1},
        ["abc", {}, {}],
        [[1], None, {}],
        [[1], {}, [1]],
    ],
    ids=lambda content: str(content)[:20],
)
def test_another_content_is_not_taken(content: Any) -> None:
    assert trouble(message(content), TASKS) is not None


@pytest.mark.parametrize(
    "content_type", [None, "application/x-python-serialize", "application/data", "text/plain"]
)
def test_another_type_of_content_is_not_taken(content_type: str | None) -> None:
    assert trouble(message(content_type=content_type), TASKS) is not None


def test_what_has_no_head_is_not_taken() -> None:
    assert trouble(Made(orjson.dumps(CALL), content_type="application/json"), TASKS) is not None


def test_a_reason_says_nothing_of_what_stands_there() -> None:
    assert "secret" not in str(trouble(message(task="secret"), TASKS))
    assert "secret" not in str(trouble(message(b'["secret"'), TASKS))
