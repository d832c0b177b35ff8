"""What outlives the call that began it: tasks, async generators, errors that nobody has seen."""

import asyncio
import gc
import sys
import weakref
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from pathlib import PurePath
from types import FrameType
from typing import Any, TypeAlias

LINGER = 60.0  # seconds that a task may go on after the call, and end by itself

Generator: TypeAlias = AsyncGenerator[Any, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftovers:
    """What is left of one call. A place is a function's name, a file and a line in it."""

    tasks: tuple[str, ...] = ()  # still there
    generators: tuple[str, ...] = ()  # begun, and neither exhausted nor closed
    collected: tuple[str, ...] = ()  # generators that only the garbage collection has closed
    unhandled: tuple[str, ...] = ()  # what the event loop had to report
    lingered: float = 0.0  # seconds that the last of the tasks went on, if all have ended


class Watch:
    """Keeps an eye on one event loop. Made inside of it; `close` gives all back."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._hooks = sys.get_asyncgen_hooks()
        self._handler = self._loop.get_exception_handler()
        self._begun: weakref.WeakSet[Generator] = weakref.WeakSet()
        self._tasks = set[asyncio.Task[Any]]()
        self._collected: list[str] = []
        self._unhandled: list[str] = []
        self._loop.set_exception_handler(self._report)
        sys.set_asyncgen_hooks(firstiter=self._begin, finalizer=self._finalize)

    def close(self) -> None:
        """Stop watching."""
        self._loop.set_exception_handler(self._handler)
        sys.set_asyncgen_hooks(*self._hooks)

    def mark(self) -> None:
        """What is there from now on, and was not before, is of the call that begins."""
        self._tasks = asyncio.all_tasks()
        self._begun = weakref.WeakSet()
        self._collected.clear()
        self._unhandled.clear()

    async def left(self) -> Leftovers:
        """What is there that was not at the last `mark`, after some time to end."""
        lingered = await self._linger()
        # A generator that nobody holds is closed by the loop a moment after it was dropped, and
        # what hangs in a circle of references is dropped by the garbage collection only.
        await _settle()
        gc.collect(1)
        await _settle()
        if self._alive():
            gc.collect()  # it takes long, and is seldom needed
            await _settle()
        return Leftovers(
            tasks=tuple(sorted(map(_described, self._new_tasks()))),
            generators=tuple(sorted(self._alive())),
            collected=tuple(self._collected),
            unhandled=tuple(self._unhandled),
            lingered=lingered,
        )

    def _alive(self) -> list[str]:
        """Where each async generator stands that has begun, and has not ended."""
        return [_place(frame) for each in self._begun if (frame := _frame(each)) is not None]

    async def _linger(self) -> float:
        tasks = self._new_tasks()
        if not tasks:
            return 0.0
        began = self._loop.time()
        await asyncio.wait(tasks, timeout=LINGER)
        return self._loop.time() - began

    def _new_tasks(self) -> set[asyncio.Task[Any]]:
        return {task for task in asyncio.all_tasks() - self._tasks if not task.done()}

    def _begin(self, generator: Generator) -> None:
        self._begun.add(generator)
        if self._hooks.firstiter is not None:
            self._hooks.firstiter(generator)

    def _finalize(self, generator: Generator) -> None:
        self._collected += map(_place, _frames(generator))
        if self._hooks.finalizer is not None:
            self._hooks.finalizer(generator)

    def _report(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        message = str(context.get("message", ""))
        self._unhandled.append(f"{message}: {error!r}" if error is not None else message)


async def _settle() -> None:
    for _ in range(3):  # a turn to be told, one to be closed, one to end
        await asyncio.sleep(0)


def _described(task: asyncio.Task[Any]) -> str:
    return " > ".join(map(_place, _frames(task.get_coro())))


def _frames(awaitable: object) -> Iterator[FrameType]:
    """Those of the coroutine, of what it awaits, and so on."""
    while (frame := _frame(awaitable)) is not None:
        yield frame
        awaitable = getattr(awaitable, "cr_await", None)


def _frame(suspended: object) -> FrameType | None:
    """The frame of a coroutine or an async generator, unless it has ended."""
    return getattr(suspended, "cr_frame", None) or getattr(suspended, "ag_frame", None)


def _place(frame: FrameType) -> str:
    code = frame.f_code
    return f"{code.co_qualname} ({PurePath(code.co_filename).name}:{frame.f_lineno})"
