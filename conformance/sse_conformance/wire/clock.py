"""An event loop whose clock is virtual: fifteen seconds of silence cost nothing.

While there is something to run, the time stands still; when there is nothing, it is at once that
of the next timer. Threads and sockets know nothing of that, and so they are waited for.
"""

import asyncio
import selectors
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor
from queue import Queue
from time import monotonic
from types import FrameType
from typing import Any, TypeVar, TypeVarTuple

SLICE = 0.02  # real seconds that we wait at a time for threads at work
GLANCE = 0.003  # real seconds in which a thread takes up what it was just given
PATIENCE = 0.02  # real seconds that we wait for open sockets before each step in time
BUDGET = 5.0  # real seconds of all that in one call of the application
SPINS = 1_000  # turns at one instant, after which a loop that never waits
SPIN = 0.001  # has each turn take so many seconds

# A thread is at rest where nothing but these is on its stack. Where code of the application is on
# it too, as in a `queue.get` of its own, it is at work.
_AT_REST = {"threading", "queue", "concurrent.futures.thread"}

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
Ready = list[tuple[selectors.SelectorKey, int]]


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop that asks its clock for the time."""

    def __init__(self) -> None:
        self.clock = Clock()
        super().__init__(self.clock)

    def time(self) -> float:
        """Seconds since the loop was made."""
        return self.clock.now

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """Run it in a thread, and remember that there is something to wait for."""
        job = super().run_in_executor(executor, func, *args)
        self.clock.jobs.add(job)
        job.add_done_callback(self.clock.jobs.discard)
        return job


class Clock(selectors.DefaultSelector):
    """A selector that puts the clock forward instead of waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.jobs = set[asyncio.Future[Any]]()  # of executors
        self.waited = 0.0  # real seconds; may be set to zero at any time
        self.hurried = False  # whether the time went on while a thread was at work; likewise
        self._spins = 0
        self._bystanders = set(threading.enumerate())

    def select(self, timeout: float | None = None) -> Ready:
        """What is ready now. If there is nothing, the time is that of the next timer."""
        if timeout is not None and timeout <= 0:
            self._spins += 1
            if self._spins > SPINS:
                self.now += SPIN
            return super().select(0)
        self._spins = 0
        if self._threads_work():
            if self.waited < BUDGET:
                return self._flow(SLICE if timeout is None else min(timeout, SLICE))
            self.hurried = True
        # Who works was asked before it is looked what is done: a thread wakes us, and then it
        # rests. One of the sockets is the loop's own, by which it does so.
        patience = PATIENCE if len(self.get_map()) > 1 and self.waited < BUDGET else 0.0
        ready = self._wait(patience)
        if not ready and timeout is None:
            return self._wait(SLICE)  # there is no timer: the loop closes, and joins its threads
        if not ready and timeout is not None:
            self.now += timeout
        return ready

    def _flow(self, timeout: float) -> Ready:
        """Wait in real time. A thread that sleeps does it in real time too."""
        began = monotonic()
        ready = self._wait(timeout)
        self.now += monotonic() - began
        return ready

    def _wait(self, timeout: float) -> Ready:
        began = monotonic()
        ready = super().select(timeout)
        self.waited += monotonic() - began if timeout else 0.0
        return ready

    def _threads_work(self) -> bool:
        if self.jobs:
            return True
        others = set(threading.enumerate()) - self._bystanders
        # A thread that was just given something may not have seen it. In the meantime it does.
        return any(map(_works, others)) or (bool(others) and self._work_in_a_moment(others))

    def _work_in_a_moment(self, others: set[threading.Thread]) -> bool:
        threading.Event().wait(GLANCE)
        return any(map(_works, others))


def _works(thread: threading.Thread) -> bool:
    jobs = vars(thread).get("queue")
    if isinstance(jobs, Queue):  # a worker of anyio: it says `task_done` after each
        return jobs.unfinished_tasks > 0
    frames: Mapping[int, FrameType] = vars(sys)["_current_frames"]()  # documented, for all its name
    return not _AT_REST.issuperset(_modules(frames.get(thread.ident or 0)))


def _modules(frame: FrameType | None) -> Iterator[str]:
    while frame is not None:
        yield frame.f_globals.get("__name__", "")
        frame = frame.f_back
