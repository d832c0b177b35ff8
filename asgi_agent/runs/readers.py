"""The followers of a run on this worker, and how far it may be ahead of the slowest of them."""

import asyncio
from collections.abc import Callable


class Reader:
    """One follower: what it has still to read of what was said since it came."""

    def __init__(self) -> None:
        self.unread = 0  # bytes
        self.read_at = 0.0  # when it last read, on the event loop's clock
        self.is_cut_off = False


class Readers:
    """All followers of one run here. With none, nothing holds the run back."""

    def __init__(self, lead_bytes: int, patience: float, deserted: Callable[[], None]) -> None:
        self._lead_bytes = lead_bytes
        self._patience = patience
        self._deserted = deserted
        self._all: set[Reader] = set()
        self._progress = asyncio.Event()

    def __len__(self) -> int:
        return len(self._all)

    def attach(self) -> Reader:
        """A new follower."""
        reader = Reader()
        reader.read_at = asyncio.get_running_loop().time()
        self._all.add(reader)
        return reader

    def detach(self, reader: Reader) -> None:
        """The follower has left; if it was the last, `deserted` is called."""
        if reader in self._all:
            self._all.remove(reader)
            self.release()
            if not self._all:
                self._deserted()

    def written(self, size: int) -> None:
        """The run has said `size` bytes more."""
        for reader in self._all:
            reader.unread += size

    def read(self, reader: Reader, size: int) -> None:
        """The follower has taken `size` bytes, some of which may be older than it is."""
        reader.unread = max(0, reader.unread - size)
        reader.read_at = asyncio.get_running_loop().time()
        self.release()

    def release(self) -> None:
        """Let a `room` that is under way look again."""
        self._progress.set()

    @property
    def is_full(self) -> bool:
        """Whether some follower is so far behind that the run has to wait."""
        return any(reader.unread > self._lead_bytes for reader in self._all)

    async def room(self) -> None:
        """Wait until somebody has read on, or was cut off for not reading."""
        self._progress.clear()
        try:
            async with asyncio.timeout(self._patience):
                await self._progress.wait()
        except TimeoutError:
            self._cut_off()

    def _cut_off(self) -> None:
        # Nothing is lost: what the follower has not read stays in the log, and it can come back.
        latest = asyncio.get_running_loop().time() - self._patience
        for reader in list(self._all):
            if reader.unread > self._lead_bytes and reader.read_at <= latest:
                reader.is_cut_off = True
                self._all.remove(reader)
