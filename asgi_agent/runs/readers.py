"""The followers of a run on this worker, and how far it may be ahead of the slowest of them."""

import asyncio
from collections.abc import Callable, Sequence


class Reader:
    """One follower: what it has still to read of what was said since it came."""

    def __init__(self, joined: int, wake: Callable[[], None], now: float) -> None:
        self.joined = joined  # the newest entry then; what is older has been said without it
        self.wake = wake
        self.unread = 0  # bytes
        self.since = now  # when it last read, or there was something to read again
        self.is_cut_off = False


class Readers:
    """All followers of one run here. With none, nothing holds the run back.

    Of other workers it is known only whether they have some: those keep the run from being
    deserted, and do not hold it back.
    """

    def __init__(self, lead_bytes: int, patience: float, deserted: Callable[[], None]) -> None:
        self._lead_bytes = lead_bytes
        self._patience = patience
        self._deserted = deserted
        self._all: set[Reader] = set()
        self._elsewhere: dict[str, asyncio.TimerHandle] = {}  # workers, and until when that is true
        self._may_be_full = False  # since a follower was too far behind; it may have read on
        self._progress: asyncio.Event | None = None  # somebody has read; while `room` waits

    def __len__(self) -> int:
        """How many there are here, and how many workers have some."""
        return len(self._all) + len(self._elsewhere)

    def attach(self, last: int, wake: Callable[[], None]) -> Reader:
        """A new follower, who comes when `last` is the newest entry, and can be woken."""
        reader = Reader(last, wake, _now())
        self._all.add(reader)
        return reader

    def detach(self, reader: Reader) -> None:
        """The follower has left; if it was the last, `deserted` is called."""
        if reader in self._all:
            self._all.remove(reader)
            self.release()
            if not self:
                self._deserted()

    def elsewhere(self, worker: str, seconds: float) -> None:
        """Another worker has followers, and says so again within so many seconds; 0: none."""
        known = self._elsewhere.pop(worker, None)
        if known is not None:
            known.cancel()
        if seconds:
            loop = asyncio.get_running_loop()
            self._elsewhere[worker] = loop.call_later(seconds, self.elsewhere, worker, 0)
        elif known is not None and not self:
            self._deserted()

    def written(self, size: int) -> None:
        """The run says `size` bytes more."""
        for reader in self._all:
            if not reader.unread:
                reader.since = _now()
            reader.unread += size
            if reader.unread > self._lead_bytes:
                self._may_be_full = True

    def read(self, reader: Reader, start: int, entries: Sequence[bytes]) -> None:
        """The follower has taken these entries, which are numbered from `start`."""
        new = entries if start > reader.joined else entries[reader.joined + 1 - start :]
        reader.unread = max(0, reader.unread - sum(map(len, new)))
        reader.since = _now()
        self.release()

    def caught_up(self, reader: Reader) -> None:
        """The follower has all there is, be it that some of it was kept no longer."""
        reader.unread = 0
        self.release()

    def end(self) -> None:
        """Wake all followers: the run has ended, whether or not the log could tell them."""
        for timer in self._elsewhere.values():
            timer.cancel()
        for reader in self._all:
            reader.wake()

    def release(self) -> None:
        """Let a `room` that is under way look again."""
        if self._progress is not None:
            self._progress.set()

    @property
    def is_full(self) -> bool:
        """Whether some follower is so far behind that the run has to wait."""
        if self._may_be_full:
            self._may_be_full = any(self._lags(reader) for reader in self._all)
        return self._may_be_full

    async def room(self) -> None:
        """Where it `is_full`, wait until somebody has read on, or was cut off for not reading."""
        since = min(reader.since for reader in self._all if self._lags(reader))
        self._progress = asyncio.Event()
        try:
            async with asyncio.timeout_at(since + self._patience):
                await self._progress.wait()
        except TimeoutError:
            self._cut_off()
        finally:
            self._progress = None

    def _lags(self, reader: Reader) -> bool:
        return reader.unread > self._lead_bytes

    def _cut_off(self) -> None:
        now = _now()
        # Nothing is lost: what the follower has not read stays in the log, and it can come back.
        for reader in list(self._all):
            if self._lags(reader) and reader.since + self._patience <= now:
                reader.is_cut_off = True
                self.detach(reader)


def _now() -> float:
    return asyncio.get_running_loop().time()
