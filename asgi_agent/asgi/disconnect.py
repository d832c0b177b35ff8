"""Notice that the client has left, with the one receiver that a connection may have.

https://asgi.readthedocs.io/en/latest/specs/www.html#disconnect-receive-event
"""

import asyncio
import logging
from types import TracebackType
from typing import Self

from ..errors import UsageError
from .types import Receive

log = logging.getLogger("asgi_agent")


class UntilDisconnect:
    """`async with UntilDisconnect(receive) as client:` is left when the client disconnects.

    The body is cancelled then, and the `with` statement ends without an exception, as
    `asyncio.timeout` does it. It has to be cancelled: some host programs never wake a `send` that
    waits for a client who has gone. `receive` is not called before `watch()`, is never called by
    two tasks, and not again after the disconnect: some hosts hang there for ever.
    """

    def __init__(self, receive: Receive) -> None:
        task = asyncio.current_task()
        if task is None:
            raise UsageError("UntilDisconnect is used inside a task, which it can cancel")
        self._receive = receive
        self._task: asyncio.Task[object] = task
        self._cancelling = task.cancelling()
        self._watcher: asyncio.Task[None] | None = None
        self._has_cancelled = False
        self._is_over = False
        self.gone = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> bool:
        self._is_over = True
        if self._watcher is not None:
            self._watcher.cancel()
            await asyncio.wait([self._watcher])
        if self._has_cancelled:
            self._task.uncancel()
            # Where somebody else cancelled us too, the cancellation is theirs and goes on.
            return kind is asyncio.CancelledError and not self.is_cancelled
        return False

    @property
    def is_cancelled(self) -> bool:
        """Whether somebody is cancelling the body: we, because the client has left, or the host."""
        return self._task.cancelling() > self._cancelling

    def watch(self) -> None:
        """Begin to wait for the disconnect. Cheap to repeat; a short answer can do without."""
        if self._watcher is None:
            self._watcher = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        try:
            while (await self._receive())["type"] != "http.disconnect":
                pass
        except Exception:
            log.debug("receive() failed: nobody is connected", exc_info=True)
        if not self._is_over:  # else this is how the host answers to being cancelled
            self.gone = self._has_cancelled = True
            self._task.cancel()
