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

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT)


class StopSignals:
    """Calls back, on the event loop, when the process is told to stop.

    Set `is_enabled` to false where somebody else tells the application.
    """

    def __init__(self, stopped: Callable[[signal.Signals], None]) -> None:
        self.is_enabled = True
        self._stopped = stopped
        self._loop: asyncio.AbstractEventLoop | None = None
        self._theirs: dict[signal.Signals, Callable[[int, FrameType | None], object]] = {}

    def watch(self) -> None:
        """Begin to listen. Only the main thread can; elsewhere, and again, this does nothing."""
        if self._loop is not None or not self.is_enabled or not _is_main_thread():
            return
        self._loop = asyncio.get_running_loop()
        for each in STOP_SIGNALS:
            handler = signal.getsignal(each)
            if callable(handler):
                self._theirs[each] = handler
                signal.signal(each, self._handle)

    def unwatch(self) -> None:
        """Give the signals back, where nobody has taken them from us since."""
        for each, handler in self._theirs.items():
            if signal.getsignal(each) == self._handle:
                signal.signal(each, handler)
        self._theirs.clear()
        self._loop = None

    def _handle(self, number: int, frame: FrameType | None) -> None:
        received = signal.Signals(number)
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stopped, received)
        self._theirs[received](number, frame)


def _is_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
