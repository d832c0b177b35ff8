"""What every subject is told to say: how many tokens, how fast, and when to begin."""

import asyncio
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

from asgi_agent.asgi import ASGIApp, Receive, Response, Scope, Send

TOKEN = "tok"


@dataclass(frozen=True, slots=True)
class Script:
    """`count` tokens; after every `every` of them a sleep of `pause` seconds, if there is one.

    It travels as text: in the path of a request, or as the prompt of an agent.
    """

    count: int
    every: int = 0  # 0: never sleep
    pause: float = 0.0  # 0: give others one turn; more: tokens say when they were made
    offset: float = 0.0  # seconds before the first token, so that clients do not march in step
    gated: bool = True  # begin when the gate is opened

    @classmethod
    def parse(cls, text: str) -> "Script":
        count, every, pause, offset, gated = text.strip("/").split("/")
        return cls(int(count), int(every), float(pause), float(offset), gated == "1")

    @classmethod
    def of(cls, scope: Scope) -> "Script":
        return cls.parse(scope["path"])

    def __str__(self) -> str:
        return f"{self.count}/{self.every}/{self.pause}/{self.offset}/{self.gated:d}"

    @property
    def burst(self) -> int:
        """How many tokens are said before the first sleep."""
        return self.every or self.count

    @property
    def bursts(self) -> range:
        return range(self.count // self.burst if self.burst else 0)

    async def begin(self) -> None:
        if self.gated:
            await gate.wait()
        if self.offset:
            await asyncio.sleep(self.offset)

    async def tokens(self) -> AsyncGenerator[str, None]:
        """What a model does: the producer of all subjects but the bare loop."""
        await self.begin()
        for _ in self.bursts:
            for _ in range(self.burst):
                yield str(time.monotonic_ns()) if self.pause else TOKEN
            if self.every:
                await asyncio.sleep(self.pause)


class Gate:
    """Where the producers wait, so that no event is made before all clients are there."""

    def __init__(self) -> None:
        self._opened = asyncio.Event()

    async def wait(self) -> None:
        await self._opened.wait()

    def open(self) -> None:
        """Let all begin who wait now."""
        self._opened.set()
        self._opened = asyncio.Event()


gate = Gate()


def gated(app: ASGIApp) -> ASGIApp:
    """`app`, and the path /go, which opens the gate."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/go":
            await Response(status=204)(scope, receive, send)
            gate.open()
        else:
            await app(scope, receive, send)

    return serve


def agent_of(turn: Any) -> AsyncGenerator[str, None]:
    """The agent that says what its prompt, a script, tells it to."""
    return Script.parse(turn.prompt).tokens()
