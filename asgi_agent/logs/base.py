"""The event log: what each run has said, in order; written by one, followed by many.

Five methods carry everything, so a store is one small file. A run is a text key; its entries are
bytes with dense numbers from 1, minted with the append: a hole is self-evident, and a number ahead
of the log can be told from one behind it. No clock but the store's own is ever compared.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, Protocol, TypeAlias

Wake: TypeAlias = Callable[[], None]  # called on the event loop of whoever watches

DELETED = "deleted"  # the `end` that also frees what was kept of a run


class Page(NamedTuple):
    """Some entries of one run, and how the run stands."""

    start: int  # the number of entries[0]; past `after + 1` if older ones are kept no longer
    entries: Sequence[bytes]  # start, start + 1, ... without holes; may be empty
    last: int  # the number of the newest entry in the log
    end: str | None  # why the log was closed; None while it is open
    lease: float | None  # seconds its owner has left, < 0 if it is lost; None: nobody owns it
    meta: bytes

    @property
    def through(self) -> int:
        """The number of the last of these entries; without any, of the one before them."""
        return self.start + len(self.entries) - 1

    @property
    def is_end(self) -> bool:
        """Whether the run has ended with the last of these entries."""
        return self.end is not None and self.through >= self.last

    @property
    def is_owned(self) -> bool:
        """Whether somebody owns the run whose lease has not run out."""
        return self.lease is not None and self.lease > 0


class EventLog(Protocol):
    """A store. Every method may raise `Unavailable`."""

    @property
    def is_shared(self) -> bool:
        """Whether other processes may append to these runs."""
        ...

    async def create(self, run: str, meta: bytes = b"") -> bool:
        """Begin the log of `run`. False, and nothing done, if there is one already."""
        ...

    async def claim(self, run: str, ttl: float) -> int | None:
        """Own the run for `ttl` seconds: the epoch to append with, above every earlier one.

        None if an owner's lease has not run out, or the run has ended. Raises `Missing`.
        """
        ...

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
        """Add the entries, renew the lease and close the log, all or nothing. The last number.

        `at` is the last number that the caller knows: repeating an append whose answer was lost
        changes nothing. With `epoch`, `ttl` is what the lease has from now on; 0 gives it up. `end`
        is final; `DELETED` is accepted even after another end, and frees all that was kept; with
        `epoch` only if nobody has claimed the run since.
        Raises `Missing`, `Closed`, `Fenced` (the epoch is not the newest) or `Diverged` (`at` is
        ahead of the log).
        """
        ...

    async def read(self, run: str, after: int, limit: int = 256) -> Page:
        """Up to `limit` entries numbered above `after`, or above what is kept. Raises `Missing`."""
        ...

    async def watch(self, run: str, wake: Wake) -> Callable[[], Awaitable[None]]:
        """Call `wake` after each change of the run, until what this returns is awaited.

        A wake is a hint, which may be lost or doubled; the log is the truth. Raises `Missing`.
        """
        ...

    async def close(self) -> None:
        """Release files, connections and threads. The log may be used again: it opens itself."""
        ...
