"""One timer for all streams of an event loop that must not stay silent for too long.

A timer for each event would cost more than the event. Here a stream that is heard only moves to
the end of a line; all have the same period, so the line stays in the order in which they fall due.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Generator
from contextlib import contextmanager
from weakref import WeakKeyDictionary

from ..errors import UsageError


class Silence:
    """Calls back whoever has not been heard for `seconds`, and again after as long."""

    def __init__(self, seconds: float) -> None:
        self._seconds = checked(seconds)
        self._due: OrderedDict[Callable[[], None], float] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None

    @contextmanager
    def broken_by(self, callback: Callable[[], None]) -> Generator[Callable[[], None]]:
        """Call `callback` in each silence; the function it yields says "heard just now".

        That may be said after the end too, where nobody listens any more.
        """
        clock = asyncio.get_running_loop().time

        def heard() -> None:
            if callback in self._due:
                self._due[callback] = clock() + self._seconds
                self._due.move_to_end(callback)

        self._due[callback] = clock() + self._seconds
        self._arm()
        try:
            yield heard
        finally:
            del self._due[callback]
            if not self._due and self._timer is not None:
                self._timer.cancel()
                self._timer = None

    def _arm(self) -> None:
        if self._timer is None:
            first = next(iter(self._due.values()))
            self._timer = asyncio.get_running_loop().call_at(first, self._ring)

    def _ring(self) -> None:
        self._timer = None
        now = asyncio.get_running_loop().time()
        while (first := next(iter(self._due.items())))[1] <= now:
            callback = first[0]
            self._due[callback] = now + self._seconds
            self._due.move_to_end(callback)
            callback()
        self._arm()


_silences: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[float, Silence]] = WeakKeyDictionary()


def silence(seconds: float) -> Silence:
    """The one `Silence` of this period on the running event loop."""
    periods = _silences.setdefault(asyncio.get_running_loop(), {})
    return periods.setdefault(seconds, Silence(seconds))


def checked(seconds: float) -> float:
    """`seconds`, if a silence can be that long."""
    if not seconds > 0:  # NaN is not either
        raise UsageError(f"a silence is longer than 0 seconds: {seconds}")
    return seconds
