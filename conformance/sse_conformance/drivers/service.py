"""LaunchDarkly's contract for test services, spoken as the harness: a client behind a web service.

GET / tells what the service can do; POST / opens a stream and answers with the `Location` of it,
to which commands are posted, and which is deleted to close the stream. What the client hears the
service posts to a URL of ours. https://github.com/launchdarkly/sse-contract-tests
"""

import asyncio
import json
from collections.abc import Sequence
from urllib.parse import urljoin

from ..transcript import Exchange
from ..wire.http1 import record
from ..wire.place import ask, place_of
from ..wire.playing import Run

SECONDS = 5.0  # for an answer of the service
DELAY = 50  # milliseconds: the reconnection time until a stream tells another


class Service:
    """A test service, at its URL."""

    at_once = 16
    grace = 0.3

    def __init__(self, url: str, scale: float = 1.0) -> None:
        self._url = url
        self._seconds = SECONDS * scale
        self._capabilities: frozenset[str] = frozenset()

    async def introduce(self) -> None:
        """Ask what it can do. Raises `OSError` if there is no service."""
        exchange = await self._ask("GET", self._url)
        try:
            told = json.loads(exchange.content)
            self._capabilities = frozenset(map(str, told["capabilities"]))
        except (ValueError, LookupError, TypeError, RecursionError):
            pass  # to say nothing of it is allowed

    async def open(self, run: Run, types: Sequence[str]) -> str:
        """Have a stream opened; its events are awaited before it may begin."""
        exchange = await self._ask(
            "POST",
            self._url,
            {
                "streamUrl": run.stream_url,
                "callbackUrl": run.telling_url,
                "tag": run.scene.name,
                "initialDelayMs": DELAY,
            },
        )
        location = exchange.head.value("Location") if exchange.head else None
        if location is None:
            raise ConnectionError("the service gives no Location for the stream")
        stream = self._resolved(location)
        if "event-type-listeners" in self._capabilities:
            for kind in types:
                if kind != "message":
                    command = {"command": "listen", "listen": {"type": kind}}
                    await self._ask("POST", stream, command)
        return stream

    async def close(self, stream: str) -> None:
        """Have it closed."""
        await self._ask("DELETE", stream)

    def _resolved(self, location: str) -> str:
        """Where the stream is: at the service, or at least on this machine."""
        try:
            stream = urljoin(self._url, location)
            place = place_of(stream)
        except ValueError as error:
            raise ConnectionError(f"the service's Location is none: {error}") from None
        if not (place.is_loopback or place.authority == place_of(self._url).authority):
            raise ConnectionError(f"the service's Location is on another machine: {stream}")
        return stream

    async def _ask(self, method: str, url: str, content: object = None) -> Exchange:
        request = ask(
            url,
            method=method,
            fields=[
                ("Accept", "*/*"),
                ("Connection", "close"),
                ("Content-Type", "application/json"),
            ],
            content=b"" if content is None else json.dumps(content).encode(),
        )
        exchange = await asyncio.to_thread(record, url, request, seconds=self._seconds)
        status = exchange.head.status if exchange.head else None
        if status is None or not 200 <= status < 300:
            answer = "nothing" if status is None else f"status {status}"
            raise ConnectionError(f"the service answers {method} {url} with {answer}")
        return exchange
