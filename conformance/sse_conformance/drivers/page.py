"""A page for browsers: its script opens streams with EventSource as it is told, and tells all.

The page asks for one command after the other, so that it has carried out one when it asks for the
next. What it has heard it posts as a test service does.
"""

import asyncio
import json
from collections.abc import Sequence
from importlib.resources import files
from itertools import count

from ..corpus import corpus
from ..transcript import Request
from ..wire.playing import Run
from ..wire.stage import Reply

PAGE = "page.html"
HELD = 5.0  # seconds for which the page waits for a command before it asks again
CARRIED_OUT = 5.0  # seconds for it to ask for the next


class Page:
    """The browser that shows the page. `None` is asked of a page that has gone."""

    at_once = 3  # a browser opens six connections to a host, and some are for other things
    grace = 0.0  # an EventSource tells of the end when all events have been told

    def __init__(self) -> None:
        self._commands: asyncio.Queue[tuple[dict[str, object], asyncio.Event]]
        self._commands = asyncio.Queue()
        self._carried_out: asyncio.Event | None = None
        self._numbers = count(1)
        self.is_here = asyncio.Event()

    async def reply(self, request: Request) -> Reply:
        """The page itself, and what its script asks for."""
        match request.method, request.target.partition("?")[0]:
            case "GET", "/":
                page = files(__name__.rpartition(".")[0]).joinpath(PAGE).read_bytes()
                return Reply(200, "text/html; charset=utf-8", page)
            case "GET", "/command":
                self.is_here.set()
                return Reply(content=json.dumps(await self._next()).encode())
            case _:
                return Reply(404)

    async def _next(self) -> dict[str, object]:
        if self._carried_out is not None:
            self._carried_out.set()
            self._carried_out = None
        try:
            async with asyncio.timeout(HELD):
                command, self._carried_out = await self._commands.get()
        except TimeoutError:
            return {"command": "wait"}
        return command

    async def open(self, run: Run, types: Sequence[str]) -> str:
        """Have a stream opened."""
        stream = str(next(self._numbers))
        await self._tell(
            command="open",
            stream=stream,
            streamUrl=run.stream_url,
            callbackUrl=run.telling_url,
            types=list(types),
            name=run.scene.name,
            expected=_expected(run.scene.name),
        )
        return stream

    async def close(self, stream: str) -> None:
        """Have it closed."""
        await self._tell(command="close", stream=stream)

    async def finish(self) -> None:
        """Let the page know that this was all."""
        await self._tell(command="finish")

    async def _tell(self, **command: object) -> None:
        carried_out = asyncio.Event()
        await self._commands.put((command, carried_out))
        try:
            async with asyncio.timeout(CARRIED_OUT):
                await carried_out.wait()
        except TimeoutError:
            raise ConnectionError("the page asks for no more commands") from None


def _expected(name: str) -> tuple[object, ...] | None:
    case = corpus().get(name)
    return None if case is None else case.expected
