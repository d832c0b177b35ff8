"""A thread that does in one go what many tasks have asked of it.

A commit costs the same for one call as for hundreds, and so does the way from a thread to an event
loop. So whatever has come while the thread was busy is its next group: when there is little to do
nobody waits for company, and when there is much each call gets cheaper.
"""

import copy
from asyncio import AbstractEventLoop, Future
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Generic, TypeAlias, TypeVar

S = TypeVar("S")
T = TypeVar("T")

LARGEST = 512  # calls of one group: bounds how long the first of them waits for the last

Turn: TypeAlias = Callable[[], AbstractContextManager[S]]
Refusals: TypeAlias = tuple[type[Exception], ...]


class _Call(Generic[S]):
    """What is to be done in the thread, and the future of who waits for it on the event loop."""

    __slots__ = ("_error", "_future", "_value", "_work")

    def __init__(self, work: Callable[[S], Any], future: Future[Any]) -> None:
        self._work = work
        self._future = future
        self._value: Any = None
        self._error: Exception | None = None

    def attempt(self, state: S, refusals: Refusals) -> None:
        try:
            self._value = self._work(state)
        except refusals as error:
            self._error = error

    def fail(self, error: Exception) -> None:
        self._error = copy.copy(error)  # it is raised once for every call, each time elsewhere
        self._error.__cause__ = error.__cause__

    def answer(self) -> None:
        if self._future.done():
            return  # who asked was cancelled
        if self._error is None:
            self._future.set_result(self._value)
        else:
            self._future.set_exception(self._error)


class GroupingThread(Generic[S]):
    """Does the calls of one event loop, each group of them within one `turn`.

    A call is answered after its turn is over. An exception of `refusals` is the answer to the call
    that raises it; any other one, and any of the turn itself, is that to all calls of the group.
    Between two groups the thread does its `chore`, which says in how many seconds it is due again.
    """

    def __init__(
        self,
        loop: AbstractEventLoop,
        turn: Turn[S],
        refusals: Refusals,
        *,
        chore: Callable[[], float | None] = lambda: None,
        farewell: Callable[[], None] = lambda: None,
    ) -> None:
        self._loop = loop
        self._turn = turn
        self._refusals = refusals
        self._chore = chore
        self._farewell = farewell
        self._calls: SimpleQueue[_Call[S] | None] = SimpleQueue()  # None: no more will come
        self._ended: Future[None] = loop.create_future()
        self._thread = Thread(target=self._serve, name="asgi_agent log", daemon=True)
        self._thread.start()

    def call(self, work: Callable[[S], T]) -> Future[T]:
        """Do `work` with what the turn gives. Only on the event loop."""
        future: Future[T] = self._loop.create_future()
        self._calls.put(_Call(work, future))
        return future

    def close(self) -> Future[None]:
        """Let the thread end when it has done what it was asked so far, and its `farewell`."""
        self._calls.put(None)
        return self._ended

    def join(self) -> None:
        """Wait for the end of the thread, in another one."""
        self._thread.join()

    def post(self, function: Callable[..., object], *arguments: Any) -> None:
        """Call the function on the event loop, from any thread; if that is closed, nobody waits."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(function, *arguments)

    def _serve(self) -> None:
        is_open = True
        while is_open:
            group: list[_Call[S]] = []
            is_open = self._gather(group, self._chore())
            if group:
                self._do(group)
                self.post(_answer, group)
        try:
            self._farewell()
        finally:
            self.post(self._end)

    def _end(self) -> None:
        if not self._ended.done():  # as it is if who waits was cancelled
            self._ended.set_result(None)

    def _gather(self, group: list[_Call[S]], patience: float | None) -> bool:
        """Wait for the next call, and take those behind it too. False: it was the last group."""
        with suppress(Empty):
            call = self._calls.get(timeout=patience)
            while call is not None:
                group.append(call)
                if len(group) == LARGEST:
                    return True
                call = self._calls.get_nowait()
            return False
        return True

    def _do(self, group: list[_Call[S]]) -> None:
        try:
            with self._turn() as state:
                for call in group:
                    call.attempt(state, self._refusals)
        except Exception as error:  # noqa: BLE001 (somebody waits, whatever it is)
            for call in group:
                call.fail(error)


def _answer(group: list[_Call[Any]]) -> None:
    for call in group:
        call.answer()
