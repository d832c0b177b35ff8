"""What every WebSocket of ours does beside its work: it ends as one, and it is kept alive."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from typing import Any

from ..asgi import WebSocket, silence
from ..errors import ClientDisconnected

RESTARTING = 4503  # a close code of ours, after HTTP's 503 Service Unavailable: come again later


class Connection:
    """One WebSocket, to which several tasks send."""

    def __init__(self, socket: WebSocket, ping_seconds: float) -> None:
        self._socket = socket
        self._ping_seconds = ping_seconds
        self._heard: Callable[[], None] = lambda: None

    async def serve(
        self,
        *work: Callable[[], Coroutine[Any, Any, None]],
        others: Callable[[], Iterable[asyncio.Task[None]]] = tuple,
    ) -> None:
        """Accept it, and do all the work at once. What ends first ends the rest, and `others`."""
        with suppress(ClientDisconnected):
            await self._socket.accept()
            await self._work(work, others)

    async def send(self, message: str | bytes) -> None:
        """Send it; there is no silence now. Raises `ClientDisconnected`."""
        self._heard()
        if isinstance(message, str):
            await self._socket.send_text(message)
        else:
            await self._socket.send_bytes(message)

    async def ping(self, message: str | None) -> None:
        """Send this in silence, for ever; None if the client could not bear it."""
        due = asyncio.Event()
        with silence(self._ping_seconds).broken_by(due.set) as self._heard:
            while True:
                await due.wait()
                due.clear()
                if message is not None:
                    await self.send(message)

    async def restart(self) -> None:
        """Close it, because the server stops: the client is to come again."""
        await self._socket.close(RESTARTING, "the server is shutting down")

    async def _work(
        self,
        work: Iterable[Callable[[], Coroutine[Any, Any, None]]],
        others: Callable[[], Iterable[asyncio.Task[None]]],
    ) -> None:
        tasks = [asyncio.create_task(each()) for each in work]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            tasks += others()
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            await self._socket.close()
        for task in tasks:
            with suppress(asyncio.CancelledError, ClientDisconnected):
                task.result()  # raises what should not have happened
