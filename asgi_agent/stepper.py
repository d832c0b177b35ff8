"""Drive an async iterator by hand, one step at a time, and learn whether it has to wait.

`async for` hides the one fact that streaming lives by: is the next item ready, or is this the
moment to write out what we have? A `Stepper` tells, without a second task and without a queue. The
steps run in the task that owns the stepper, so context variables, `asyncio.timeout` and
cancellation inside the iterator work as they do under `async for`.
"""

import asyncio
from collections.abc import AsyncIterable, Generator
from enum import Enum
from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar

T = TypeVar("T")


class Readiness(Enum):
    """What `Stepper.step` answers in place of an item."""

    WAITING = "waiting"


WAITING: Final = Readiness.WAITING
Waiting: TypeAlias = Literal[Readiness.WAITING]


class Stepper(Generic[T]):
    """The steps of one async iterator. After `WAITING` comes `wait`, and then the next step."""

    def __init__(self, source: AsyncIterable[T]) -> None:
        self._source = aiter(source)
        self._steps: Generator[Any, Any, T] | None = None  # the __anext__ under way
        self._future: asyncio.Future[Any] | None = None  # what it waits for; None: its next turn
        self._waiter: asyncio.Future[None] | None = None  # what `wait` waits for
        self._error: BaseException | None = None  # what the next step raises in the source
        self._closing = False

    def step(self) -> T | Waiting:
        """The next item if it can be had at once, else `WAITING`.

        Raises `StopAsyncIteration` at the end, and whatever the source raises.
        """
        if self._steps is None:
            self._steps = anext(self._source).__await__()
        error, self._error = self._error, None
        try:
            if error is None:
                self._future = self._steps.send(None)
            else:
                self._future = self._steps.throw(error)
        except StopIteration as stop:
            self._steps = None
            item: T = stop.value
            return item
        except BaseException:
            self._steps = None
            raise
        return WAITING

    async def wait(self) -> bool:
        """Wait until the source can take its next step; False if `wake` was called before that.

        A cancellation that arrives here is the source's, as it would be under `async for`: its
        next step raises it where the source is waiting.
        """
        while True:
            try:
                return await self._wait()
            except asyncio.CancelledError as cancelled:
                if self._closing:
                    raise
                self.interrupt(cancelled)
                if self._error is not None:
                    return True

    async def _wait(self) -> bool:
        future = self._future
        if future is None:  # a bare yield, as of asyncio.sleep(0): one turn of the loop
            await asyncio.sleep(0)
            return True
        if not future.done():
            self._waiter = asyncio.get_running_loop().create_future()
            future.add_done_callback(self._resume)
            try:
                await self._waiter
            finally:
                self._waiter = None
                future.remove_done_callback(self._resume)
        return self._error is not None or future.done()

    def wake(self) -> None:
        """Let a `wait` that is under way return now."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def cancel(self) -> None:
        """Cancel the source where it waits, as `Task.cancel` would; the next step tells it."""
        if self._steps is not None:
            self.interrupt(asyncio.CancelledError())
            self.wake()

    async def aclose(self) -> None:
        """End the source: cancel a step that is under way, wait for it, then close.

        A cancellation that arrives meanwhile gives the source up.
        """
        self.cancel()
        self._closing = True
        while self._is_stepping:
            try:
                while not await self.wait():
                    pass
                self.step()
            except (asyncio.CancelledError, StopAsyncIteration):
                if self._is_stepping:
                    raise
        aclose = getattr(self._source, "aclose", None)
        if aclose is not None:
            await aclose()

    @property
    def _is_stepping(self) -> bool:
        return self._steps is not None

    def interrupt(self, error: BaseException) -> None:
        """Make this error, a cancellation, the source's own at its next step."""
        # Task.cancel first asks what the task waits for to cancel itself (so that a task, or a
        # gather, under `await` is cancelled too), and only else raises in the coroutine.
        if self._future is None or not self._future.cancel():
            self._error = error

    def _resume(self, _: object) -> None:
        self.wake()
