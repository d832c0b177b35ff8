"""Hear that the host program was told to stop. ASGI itself tells an open stream nothing.

At SIGTERM host programs wait for open responses to end, some of them for ever, and only then send
`lifespan.shutdown`. So whoever streams has to hear the signal itself. The host's own handler is
called as before, and where there is none in Python nothing is changed: `loop.add_signal_handler`
would replace it, and the host would never stop.
"""

import asyncio
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import TypeAlias
from weakref import WeakSet

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT)

Handler: TypeAlias = Callable[[int, FrameType | None], object]


class StopSignals:
    """Calls back, on the event loop, when the process is told to stop.

    Any number may listen in one process; who is forgotten listens no more. Set `is_enabled` to
    false where somebody else tells the application.
    """

    def __init__(self, stopped: Callable[[signal.Signals], None]) -> None:
        self.is_enabled = True
        self._stopped = stopped
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def is_listening(self) -> bool:
        """Whether there is an event loop to call back on."""
        return self._loop is not None and not self._loop.is_closed()

    def watch(self) -> None:
        """Begin to listen, on the running loop; again, this does nothing.

        Only the main thread can: elsewhere it does nothing either.
        """
        loop = asyncio.get_running_loop()
        if self._loop is loop or not self.is_enabled or not _is_main_thread():
            return
        self._loop = loop
        _listeners.add(self)
        for each in STOP_SIGNALS:
            handler = signal.getsignal(each)
            if callable(handler) and handler is not _ours.get(each):
                _ours[each] = _Ours(handler)
                signal.signal(each, _ours[each])

    def unwatch(self) -> None:
        """Listen no more. The last one gives the signals back that nobody has taken from us."""
        self._loop = None
        _listeners.discard(self)
        if not _is_main_thread() or any(each.is_listening for each in _listeners):
            return
        for each, ours in _ours.items():
            theirs = ours.theirs
            if signal.getsignal(each) is ours:
                signal.signal(each, theirs)
        _ours.clear()

    def hear(self, received: signal.Signals) -> None:
        """Call back on the loop; this itself is called in the middle of anything."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stopped, received)


class _Ours:
    """Our handler of one signal, which comes before `theirs`.

    Whoever takes the signal later may call it as long as it likes: it is one of a chain then.
    """

    def __init__(self, theirs: Handler) -> None:
        self.theirs = theirs

    def __call__(self, number: int, frame: FrameType | None) -> None:
        received = signal.Signals(number)
        if _ours.get(received) is self:  # else a later one of ours has told, or nobody listens
            for each in list(_listeners):
                each.hear(received)
        self.theirs(number, frame)


_ours: dict[signal.Signals, _Ours] = {}
_listeners: WeakSet[StopSignals] = WeakSet()


def _is_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
