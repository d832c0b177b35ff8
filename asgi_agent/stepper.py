"""Drive an async iterator by hand, one step at a time, and learn whether it has to wait.

`async for` hides the one fact that streaming lives by: is the next item ready, or is this the
moment to write out what we have? A `Stepper` tells, without a second task and without a queue. The
steps run in the task that owns the stepper, so context variables, `asyncio.timeout` and
cancellation inside the iterator work as they do under `async for`.
"""

import asyncio
import types
from collections.abc import AsyncIterable, Generator, Iterator
from contextlib import suppress
from enum import Enum
from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar

T = TypeVar("T")


class Readiness(Enum):
    """What `Stepper.step` answers in place of an item."""

    WAITING = "waiting"


WAITING: Final = Readiness.WAITING
Waiting: TypeAlias = Literal[Readiness.WAITING]


class Stepper(Generic[T]):
    """The steps of one async iterator. After `WAITING` comes `wait`, and then the next step.

    `step`, `wait` and `aclose` are called by one task; `wake` and `cancel` by anybody in its loop.
    """

    def __init__(self, source: AsyncIterable[T]) -> None:
        self._source = aiter(source)
        self._anext = self._source.__anext__
        self._steps: Iterator[Any] | None = None  # the __anext__ under way
        self._future: asyncio.Future[Any] | None = None  # what it waits for; None: its next turn
        self._waiter: asyncio.Future[None] | None = None  # what `wait` waits for
        self._error: asyncio.CancelledError | None = None  # what the next step raises in the source
        self._is_cancelled = False  # since the last step
        self._is_woken = False
        self._is_closing = False

    def step(self) -> T | Waiting:
        """The next item if it can be had at once, else `WAITING`.

        Raises `StopAsyncIteration` at the end, and whatever the source raises.
        """
        if self._steps is None:
            self._steps = self._anext().__await__()
        error, self._error = self._error, None
        self._is_cancelled = self._is_woken = False
        try:
            self._future = next(self._steps) if error is None else _throw(self._steps, error)
        except StopIteration as stop:
            self._steps = None
            item: T = stop.value
            return item
        except BaseException:
            self._steps = None
            raise
        if self._error is not None:
            self._pass_on(self._error)
        return WAITING

    @types.coroutine
    def wait(self) -> Generator[Any, Any, bool]:
        """Wait until the source can take its next step; False if `wake` was called before that.

        A cancellation that arrives here is the source's, as it would be under `async for`: its
        next step raises it where the source is waiting.
        """
        while not self._is_woken:
            future = self._future
            try:
                if future is None:  # a bare yield, as of asyncio.sleep(0): one turn of the loop
                    yield
                elif not future.done():
                    yield from self._until_done(future)
            except asyncio.CancelledError as cancelled:
                if self._is_closing:
                    raise
                self.interrupt(cancelled)
            else:
                if (future is None or future.done()) and not self._is_woken:
                    return True  # else it was for no reason
        self._is_woken = False
        return False

    def _until_done(self, future: asyncio.Future[Any]) -> Generator[Any, Any, None]:
        """Wait for the future, or to be woken; either may also come for no reason."""
        self._waiter = asyncio.get_running_loop().create_future()
        future.add_done_callback(self._resume)
        try:
            yield from self._waiter
        finally:
            self._waiter = None
            if not future.done():
                future.remove_done_callback(self._resume)

    def wake(self) -> None:
        """Let `wait` return now: the one under way, or else the next one before the next step."""
        self._is_woken = True
        self._resume()

    def cancel(self) -> None:
        """Cancel the source where it waits, as `Task.cancel` would; the next step tells it."""
        if self._steps is not None:
            self.interrupt(asyncio.CancelledError())
            self.wake()

    async def aclose(self) -> None:
        """End the source: cancel a step that is under way, wait for it, then close.

        A cancellation that arrives meanwhile is the source's too, but if it has to wait even after
        that it is given up.
        """
        self._is_closing = True
        if not self._is_cancelled:  # else it cleans up already, and a second one would stop that
            self.cancel()
        try:
            while self._steps is not None:
                await self._wait_and_end()
        finally:
            aclose = getattr(self._source, "aclose", None)
            if aclose is not None and self._steps is None:
                await aclose()

    async def _wait_and_end(self) -> None:
        try:
            while not await self.wait():
                pass
        except asyncio.CancelledError as cancelled:
            self._error = cancelled
            self._end()
            raise
        self._end()

    def _end(self) -> None:
        """Take the step that is to be the last one; an item is dropped."""
        with suppress(asyncio.CancelledError, StopAsyncIteration):
            self.step()

    def interrupt(self, error: asyncio.CancelledError) -> None:
        """Make this cancellation the source's own at its next step."""
        # Task.cancel first asks what the task waits for to cancel itself (so that a task, or a
        # gather, under `await` is cancelled too), and only else raises in the coroutine. The
        # message goes with it: anyio tells by it which of its scopes a cancellation is from.
        self._is_cancelled = True
        message = error.args[0] if error.args else None
        if self._future is None or not self._future.cancel(message):
            self._error = error

    def _pass_on(self, error: asyncio.CancelledError) -> None:
        """The source was cancelled during its step: cancel what it waits for since."""
        self._error = None
        self.interrupt(error)

    def _resume(self, _: object = None) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def _throw(steps: Iterator[Any], error: asyncio.CancelledError) -> Any:
    """Raise `error` in the iterator of an awaitable, as `yield from` does it."""
    throw = getattr(steps, "throw", None)
    if throw is None:
        raise error
    return throw(error)
