"""The event log in the memory of one process: `memory:`."""

import time
from collections.abc import Awaitable, Callable, Sequence

from ..errors import Closed, Diverged, Fenced, Missing
from .base import DELETED, Page, Wake

OVERHEAD = 64  # bytes that an entry costs beside its content: the object and the place in the list


class _Run:
    """One run: its newest entries, and who owns and watches it."""

    def __init__(self, meta: bytes) -> None:
        self.meta = meta
        self.entries: list[bytes] = []
        self.dropped = 0  # how many entries before entries[0] are kept no longer, or ...
        self.skipped = 0  # ... are no longer to be read, and go when it pays to move the rest
        self.size = 0
        self.epoch = 0
        self.lease: float | None = None  # until when, on the store's clock
        self.end: str | None = None
        self.watchers: dict[object, Wake] = {}

    @property
    def last(self) -> int:
        return self.dropped + len(self.entries)

    def add(self, entries: Sequence[bytes], keep_bytes: int) -> None:
        self.entries += entries
        self.size += sum(map(len, entries)) + OVERHEAD * len(entries)
        while self.size > keep_bytes and self.skipped < len(self.entries) - 1:
            self.size -= len(self.entries[self.skipped]) + OVERHEAD
            self.entries[self.skipped] = b""
            self.skipped += 1
        if self.skipped * 2 > len(self.entries):  # each entry is moved at most once on average
            del self.entries[: self.skipped]
            self.dropped += self.skipped
            self.skipped = 0


class MemoryLog:
    """An `EventLog` of one process. It keeps the newest `keep_bytes` of each run."""

    is_shared = False

    def __init__(
        self, keep_bytes: int = 8 << 20, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._keep_bytes = keep_bytes
        self._clock = clock
        self._runs: dict[str, _Run] = {}

    async def create(self, run: str, meta: bytes = b"") -> bool:
        """Begin the log of `run`; see `EventLog`."""
        if run in self._runs:
            return False
        self._runs[run] = _Run(meta)
        return True

    async def claim(self, run: str, ttl: float) -> int | None:
        """Own the run for `ttl` seconds; see `EventLog`."""
        kept = self._get(run)
        now = self._clock()
        if kept.end is not None or (kept.lease is not None and kept.lease > now):
            return None
        kept.epoch += 1
        kept.lease = now + ttl
        return kept.epoch

    async def append(
        self,
        run: str,
        entries: Sequence[bytes],
        *,
        at: int | None = None,
        epoch: int | None = None,
        ttl: float = 0,
        end: str | None = None,
    ) -> int:
        """Add the entries; see `EventLog`."""
        kept = self._get(run)
        if epoch is not None and epoch != kept.epoch:
            raise Fenced(f"run {run} is owned under epoch {kept.epoch}, not {epoch}")
        if end == DELETED:
            del self._runs[run]
            kept.end = end
            _wake(kept)
            return kept.last
        last = kept.last
        if kept.end is not None or (at is not None and at != last):
            if at is not None and _is_repeated(kept, at, len(entries), end):
                return last  # it was appended before, and only the answer was lost
            if at is not None and at != last:
                raise Diverged(f"run {run} has {last} entries, not {at}")
            raise Closed(f"run {run} has ended: {kept.end}")
        kept.add(entries, self._keep_bytes)
        kept.end = end
        if epoch is not None:
            kept.lease = self._clock() + ttl if ttl and end is None else None
        _wake(kept)
        return last + len(entries)

    async def read(self, run: str, after: int, limit: int = 256) -> Page:
        """Up to `limit` entries after `after`; see `EventLog`."""
        kept = self._get(run)
        first = max(after - kept.dropped, kept.skipped)
        entries = kept.entries[first : first + limit]
        lease = None if kept.lease is None else kept.lease - self._clock()
        return Page(kept.dropped + first + 1, entries, kept.last, kept.end, lease, kept.meta)

    async def watch(self, run: str, wake: Wake) -> Callable[[], Awaitable[None]]:
        """Call `wake` after each change; see `EventLog`."""
        watchers = self._get(run).watchers
        key = object()
        watchers[key] = wake

        async def unwatch() -> None:
            watchers.pop(key, None)

        return unwatch

    async def close(self) -> None:
        """Nothing has to be released; see `EventLog`."""

    def _get(self, run: str) -> _Run:
        try:
            return self._runs[run]
        except KeyError:
            raise Missing(f"no run {run} is kept") from None


def _is_repeated(kept: _Run, at: int, count: int, end: str | None) -> bool:
    if count == 0:
        return end is not None and end == kept.end and at == kept.last
    return at + count <= kept.last and (end is None or end == kept.end)


def _wake(kept: _Run) -> None:
    for wake in tuple(kept.watchers.values()):
        wake()
