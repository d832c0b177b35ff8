"""Host programs that send and receive for one HTTP request, each in a bad way of its own."""

import asyncio
from collections.abc import Callable

from asgi_agent.asgi.types import ASGIApp, Message
from tests.asgi.fake_hosts import Host, http_scope
from tests.sources import forever

GONE: Message = {"type": "http.disconnect"}


class TimedHost(Host):
    """It notes when each body was sent. Its client leaves after so many seconds, if at all."""

    def __init__(self, *, leaves_after: float | None = None) -> None:
        super().__init__()
        self.leaves_after = leaves_after
        self.left = False
        self.bodies: list[tuple[float, bytes]] = []

    async def receive(self) -> Message:
        self.receives += 1
        self.pending += 1
        try:
            await (forever() if self.leaves_after is None else asyncio.sleep(self.leaves_after))
        finally:
            self.pending -= 1
        self.left = True
        return GONE

    async def send(self, message: Message) -> None:
        await super().send(message)
        if "body" in message:
            self.bodies.append((asyncio.get_running_loop().time(), message["body"]))

    @property
    def body(self) -> bytes:
        return b"".join(body for _, body in self.bodies)

    @property
    def is_complete(self) -> bool:
        return self.sent[-1].get("more_body") is False

    async def serve(self, app: ASGIApp, method: str = "GET") -> None:
        await app(http_scope(method), self.receive, self.send)


class StuckHttpHost(TimedHost):
    """Its `send` never returns from what `is_stuck` picks, whatever the client does."""

    def __init__(
        self, is_stuck: Callable[[Message], bool], *, leaves_after: float | None = None
    ) -> None:
        super().__init__(leaves_after=leaves_after)
        self.is_stuck = is_stuck

    async def send(self, message: Message) -> None:
        if self.is_stuck(message):
            await forever()
        await super().send(message)


async def cancelled(app: ASGIApp, host: TimedHost, *, after: float) -> asyncio.Task[None]:
    """The task that served `app` and was cancelled by its host after so many seconds."""
    task = asyncio.create_task(host.serve(app))
    await asyncio.sleep(after)
    task.cancel("the host is shutting down")
    await asyncio.wait([task])
    return task
