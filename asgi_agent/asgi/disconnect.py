"""Notice that the client has left, with the one receiver that a connection may have.

https://asgi.readthedocs.io/en/latest/specs/www.html#disconnect-receive-event
"""

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Self

from .types import Receive


class UntilDisconnect:
    """`async with UntilDisconnect(receive) as client:` is left when the client disconnects.

    The body is cancelled then, and the `with` statement ends without an exception, as
    `asyncio.timeout` does it. It has to be cancelled: some host programs never wake a `send` that
    waits for a client who has gone. `receive` is not called before `watch()`, is never called by
    two tasks, and not again after the disconnect: some hosts hang there for ever.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._watcher: asyncio.Task[None] | None = None
        self._task: asyncio.Task[object] | None = None
        self._cancelling = 0
        self.gone = False

    async def __aenter__(self) -> Self:
        self._task = asyncio.current_task()
        self._cancelling = self._task.cancelling() if self._task else 0
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> bool:
        if self._watcher is None:
            return False
        self._watcher.cancel()
        await asyncio.wait([self._watcher])
        # Where somebody else cancelled us too, the cancellation is theirs and goes on.
        return self.gone and self._was_all_ours() and kind is asyncio.CancelledError

    def watch(self) -> None:
        """Begin to wait for the disconnect. Cheap to repeat; a short answer can do without."""
        if self._watcher is None:
            self._watcher = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        # A connection that cannot be read has no client either.
        with suppress(Exception):
            while (await self._receive())["type"] != "http.disconnect":
                pass
        self.gone = True
        if self._task is not None:
            self._task.cancel()

    def _was_all_ours(self) -> bool:
        return self._task is not None and self._task.uncancel() <= self._cancelling
