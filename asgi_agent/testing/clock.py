"""A virtual clock: an event loop on which 15 seconds of silence cost nothing.

Time stands still while there is something to run, and jumps to the next timer when there is not.
"""

import asyncio
import functools
import selectors
import sys
import threading
import weakref
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Iterator
from concurrent.futures import Executor
from typing import Any, TypeVar, TypeVarTuple

DAY = 86_400.0
BUSY = 10_000  # turns of the loop at one instant, after which
TURN = 1e-4  # each of them takes this long, much as in real time
INSTANT = 1e-6  # longer than the resolution of the loop's clock, shorter than any timer of a test

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
Selected = list[tuple[selectors.SelectorKey, int]]


class Deadlock(AssertionError):
    """Nothing can run, now or ever: every task waits for another one."""


class Leak(AssertionError):
    """A task, an application or an async generator has outlived what it was started for."""


def run(
    main: Coroutine[Any, Any, T],
    *,
    leaks: bool = True,
    patience: float = 0.05,
    limit: float = DAY,
) -> T:
    """Run `main` on a fresh event loop whose clock is virtual, and return its result.

    Raises `Leak` if tasks or async generators begun in `main` are alive at its end (not with
    `leaks=False`), `Deadlock` if nothing can run any more, or `limit` seconds have gone by.
    Threads and sockets live in real time: while there are any, a jump of the clock waits
    `patience` real seconds for them, and a deadlock a hundred times as long.

    >>> run(asyncio.sleep(3600, "an hour later"))
    'an hour later'
    """
    with asyncio.Runner(loop_factory=functools.partial(VirtualLoop, patience, limit)) as runner:
        return runner.run(_without_leaks(main) if leaks else main)


async def settle() -> None:
    """Let everything run that can run now. The clock only moves when nothing can."""
    await asyncio.sleep(INSTANT)


async def _without_leaks(main: Coroutine[Any, Any, T]) -> T:
    begun = weakref.WeakSet[AsyncGenerator[Any, Any]]()
    register = sys.get_asyncgen_hooks().firstiter or begun.add  # the loop closes what we report

    def begin(generator: AsyncGenerator[Any, Any]) -> None:
        begun.add(generator)
        register(generator)

    sys.set_asyncgen_hooks(firstiter=begin)  # the loop restores the hooks when it stops
    result = await main
    await settle()  # a task that was cancelled, or a generator that was dropped, may end first
    left = describe(asyncio.all_tasks() - {asyncio.current_task()})
    left += "".join(f"\n  async generator {_place(each)}" for each in begun if _frame(each))
    if left:
        raise Leak(f"still alive at the end:{left}")
    return result


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop that asks its selector what time it is."""

    def __init__(self, patience: float, limit: float) -> None:
        self._clock = Clock(patience, limit)
        super().__init__(self._clock)

    def time(self) -> float:
        """Seconds of the virtual clock. It starts at zero."""
        return self._clock.now

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """Run a job in a thread; until it ends, the clock is in no hurry."""
        future = super().run_in_executor(executor, func, *args)
        self._clock.jobs.add(future)
        future.add_done_callback(self._clock.jobs.discard)
        return future


class Clock(selectors.DefaultSelector):
    """A selector that moves the time where another one would wait."""

    def __init__(self, patience: float, limit: float) -> None:
        super().__init__()
        self.now = 0.0
        self.jobs = set[asyncio.Future[Any]]()
        self._patience = patience
        self._limit = limit
        self._turns = 0
        self._bystanders = set(threading.enumerate())

    def select(self, timeout: float | None = None) -> Selected:
        """What is ready on real file descriptors; if nothing is, `timeout` seconds later."""
        # Ask who works before looking for what is done: else a thread could end in between.
        waits = timeout != 0 and self._world_at_work()
        ready = super().select(self._patience * (100 if timeout is None else 1) if waits else 0)
        self._turns = self._turns + 1 if timeout == 0 else 0
        if self._turns > BUSY:
            self.now += TURN  # a loop that never waits must not stop the time for all others
        if ready or timeout == 0:
            return ready
        if timeout is None:
            raise Deadlock(f"nothing can run any more:{describe(asyncio.all_tasks())}")
        self.now += timeout
        if self.now > self._limit:
            raise Deadlock(f"{self._limit} s have gone by:{describe(asyncio.all_tasks())}")
        return ready

    def _world_at_work(self) -> bool:
        """Whether a thread or a socket may still wake us: those do not know of our time."""
        sockets = len(self.get_map()) > 1  # one is the loop's own, by which threads wake it
        return sockets or bool(self.jobs) or any(self._threads())

    def _threads(self) -> Iterator[threading.Thread]:
        for thread in set(threading.enumerate()) - self._bystanders:
            if not thread.name.startswith("asyncio_"):  # of the default executor: see `jobs`
                yield thread


def describe(tasks: Iterable[asyncio.Task[Any] | None]) -> str:
    """Name each task, a line each, with the calls that it is waiting in."""
    lines = (
        f"\n  {task.get_name()}: {' > '.join(map(_place, _awaiting(task.get_coro())))}"
        for task in tasks
        if task
    )
    return "".join(sorted(lines))


def _awaiting(awaitable: object) -> Iterator[object]:
    """`awaitable`, what it awaits, and so on. A task's own get_stack() shows only the first."""
    while _frame(awaitable):
        yield awaitable
        awaitable = getattr(awaitable, "cr_await", None)


def _frame(suspended: object) -> Any:
    """The frame of a coroutine or async generator; none if it has ended."""
    return getattr(suspended, "cr_frame", None) or getattr(suspended, "ag_frame", None)


def _place(suspended: object) -> str:
    frame = _frame(suspended)
    code = frame.f_code
    return f"{code.co_qualname} ({code.co_filename}:{frame.f_lineno})"
