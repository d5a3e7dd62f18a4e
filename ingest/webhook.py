"""One partner's webhook: an ASGI callable, without request and response objects.

Starlette's cost 20 of 50 µs a request. The body is never parsed here: what it says is the workers' business.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from starlette.types import Receive, Scope, Send

from ingest import answers
from ingest.answers import RETRY_AFTER, Answer, error
from ingest.body import BodyReader, Crowded, Disconnected, TooLarge, TooSlow, refuse
from ingest.commit import Committer, NoDurablePlace
from ingest.limits import Limits
from ingest.metrics import Metrics
from ingest.verification import Verdict, Verifier, fields
from store.crypto.keyed_hash import KeyedHash
from store.crypto.sealing import Sealer
from store.inbox.model import Arrival

__all__ = ["Now", "Webhook"]

#: Now, aware, in UTC.
Now = Callable[[], datetime]

# One text for every reason: a caller who guesses learns nothing.
UNVERIFIED = error(401, "not verified", www_authenticate="Bearer", connection="close")
EMPTY = error(400, "the body is empty")
SLOW = error(408, "the body did not arrive in time", connection="close")
LARGE = error(413, "the body is larger than 1 MiB", connection="close")
ENCODED = error(415, "the body may not have a Content-Encoding", connection="close")
CODED = error(415, "the body may have no Transfer-Encoding but chunked", connection="close")
NOT_DURABLE = error(503, "cannot be stored now", retry_after=str(RETRY_AFTER))
CROWDED = error(503, "too many bodies at once", retry_after=str(RETRY_AFTER), connection="close")


class Webhook:
    """Verify, seal, commit, answer. Partners whose callbacks carry no times are `timeless`."""

    def __init__(
        self,
        partner: str,
        *,
        verifier: Verifier,
        reader: BodyReader,
        committer: Committer,
        keyed_hash: KeyedHash,
        sealer: Sealer,
        clock: Now,
        metrics: Metrics,
        limits: Limits,
        timeless: bool,
    ) -> None:
        self._partner = partner
        self._verifier = verifier
        self._reader = reader
        self._committer = committer
        self._event_id = keyed_hash.event_id
        self._seal = sealer.seal
        self._clock = clock
        self._limits = limits
        self._timeless = timeless
        # A label's child is looked up under a lock: once here, not for each request.
        self._new = metrics.received.labels(partner, "new")
        self._duplicate = metrics.received.labels(partner, "duplicate")
        self._refused = {
            answer: metrics.received.labels(partner, result)
            for answer, result in (
                (UNVERIFIED, "unverified"),
                (EMPTY, "empty"),
                (SLOW, "slow"),
                (LARGE, "large"),
                (ENCODED, "encoded"),
                (CODED, "encoded"),
                (NOT_DURABLE, "not_durable"),
                (CROWDED, "crowded"),
            )
        }
        self._disconnected = metrics.received.labels(partner, "disconnected")
        self._reasons = {
            verdict: metrics.unverified.labels(partner, verdict.value)
            for verdict in (Verdict.ADDRESS, Verdict.MISSING, Verdict.WRONG, Verdict.STALE)
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = fields(scope["headers"])
        client = scope["client"]
        verdict = self._verifier.before_body(client[0] if client else None, headers, scope["query_string"])
        refusal = self._refusal(verdict, headers)
        if refusal is not None:
            await self._refuse(receive, send, refusal)
            return
        try:
            body = await self._reader.read(receive)
        except Disconnected:
            self._disconnected.inc()
            return
        except TooLarge:
            await self._refuse(receive, send, LARGE)
            return
        except (TooSlow, Crowded) as limit:
            await self._answer(send, SLOW if isinstance(limit, TooSlow) else CROWDED)
            return
        now = self._clock()
        if verdict is Verdict.UNDECIDED:
            verdict = self._verifier.after_body(headers, body, now.timestamp())
            if verdict is not Verdict.VERIFIED:
                self._reasons[verdict].inc()
                await self._answer(send, UNVERIFIED)
                return
        if body:
            await self._accept(send, body, now)
        else:
            await self._answer(send, EMPTY)

    async def _accept(self, send: Send, body: bytes, now: datetime) -> None:
        event = self._event_id(self._partner, "push", "", body)
        arrival = Arrival(event, self._partner, "push", now, self._seal(body, event), self._timeless)
        try:
            duplicate = await self._committer.commit(arrival)
        except NoDurablePlace:
            await self._answer(send, NOT_DURABLE)
            return
        (self._duplicate if duplicate else self._new).inc()
        await answers.accepted(send, event, duplicate)

    def _refusal(self, verdict: Verdict, headers: dict[bytes, bytes]) -> Answer | None:
        """What the headers alone are enough to refuse."""
        if verdict is not Verdict.VERIFIED and verdict is not Verdict.UNDECIDED:
            self._reasons[verdict].inc()
            return UNVERIFIED
        encoding = headers.get(b"content-encoding")
        if encoding is not None and encoding.strip().lower() not in (b"", b"identity"):
            return ENCODED
        # Chunks are taken apart by the server; what they hold would be kept as it was packed.
        coding = headers.get(b"transfer-encoding")
        if coding is not None and coding.strip().lower() != b"chunked":
            return CODED
        length = headers.get(b"content-length")
        if length is not None and length.isdigit() and int(length) > self._limits.body_bytes:
            return LARGE
        return None

    async def _refuse(self, receive: Receive, send: Send, answer: Answer) -> None:
        self._refused[answer].inc()
        await refuse(receive, send, answer, self._limits)

    async def _answer(self, send: Send, answer: Answer) -> None:
        self._refused[answer].inc()
        await answer.send(send)
