"""What a journey is, and the hands it is given."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sandbox.client import Client
from sandbox.ids import chance

__all__ = ["Journey", "Trip"]

T = TypeVar("T")
NAMES = ("Ada", "Grace", "Alan", "Edsger", "Barbara", "Donald", "Frances", "Ken")


class Trip:
    """One journey under way. `name` is unique, and is the metadata of its requests.

    `bearer` calls the payments partner: its key is written otherwise.
    """

    def __init__(
        self, client: Client, name: str, speed: float, seed: int, bearer: Client | None = None
    ) -> None:
        self.name = name
        self._client = client
        self._bearer = bearer or client
        self._speed = speed
        self._seed = seed

    async def call(self, method: str, path: str, document: Any = None) -> Any:
        """The answer's document. Raises what `Client.call` raises."""
        return await self._client.call(method, path, document)

    async def pay(self, method: str, path: str, document: Any = None) -> Any:
        """As `call`, of a path of the payments partner or of a page that wants no key."""
        return await self._bearer.call(method, path, document)

    async def pass_time(self, seconds: float) -> None:
        """Wait until about so many seconds of the sandbox's time are over."""
        await asyncio.sleep(seconds / self._speed)

    def draw(self, what: str) -> float:
        """From 0 to 1; the same for the same journey of the same seed."""
        return chance(self._seed, self.name, what)

    def pick(self, what: str, choices: Sequence[T]) -> T:
        """One of these, each as likely as the other."""
        return choices[int(self.draw(what) * len(choices))]

    async def patient(self, *prescriptions: Any) -> str:
        """Make a patient, with these simulated prescriptions; its token."""
        body: dict[str, Any] = {
            "first_name": self.pick("name", NAMES),
            # Patients of one name are one patient, so the name says which journey it is.
            "last_name": f"Load {self.name}",
            "gender": "female" if self.draw("gender") < 0.5 else "male",
            "dob": "19840229",
        }
        if prescriptions:
            body["simulation"] = {"newRx": list(prescriptions)}
        return str((await self.call("PUT", "/v1/patient", body))["patient_token"])

    async def prescriptions(self, patient: str) -> list[str]:
        """The tokens of a patient's prescriptions, in the order in which they came."""
        listed = await self.call("GET", f"/v1/patient/{patient}/prescriptions")
        return [row["prescription_token"] for row in listed["prescriptions"]]


@dataclass(frozen=True)
class Journey:
    """`weight`: how often it is taken beside others. `callbacks`: how many it brings, on average.

    `needs`: the endpoints without which it cannot be, as method and path of the description.
    """

    name: str
    weight: int
    callbacks: float
    needs: tuple[tuple[str, str], ...]
    run: Callable[[Trip], Awaitable[None]]
