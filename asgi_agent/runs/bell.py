"""How a follower waits for a run to say more."""

import asyncio
from collections.abc import Iterator

from ..logs import Page

PAGE_BYTES = 1 << 16  # what a follower is handed at once, if one entry is not larger


class Bell:
    """What `asyncio.Event` does, for the one who waits, and waits for every token."""

    __slots__ = ("_has_rung", "_waiter")

    def __init__(self) -> None:
        self._has_rung = False
        self._waiter: asyncio.Future[None] | None = None

    def ring(self) -> None:
        self._has_rung = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def silence(self) -> None:
        self._has_rung = False

    async def heard(self, seconds: float | None = None) -> None:
        """Wait until it has rung since it was silenced, and no longer than so many seconds."""
        if self._has_rung:
            return
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        timer = None if seconds is None else loop.call_later(seconds, self.ring)
        try:
            await self._waiter
        finally:
            if timer is not None:
                timer.cancel()


def split(page: Page) -> Iterator[Page]:
    """The page in parts of a size to write at once."""
    if sum(map(len, page.entries)) < PAGE_BYTES:
        if page.entries:
            yield page
        return
    first, size = 0, 0
    for index, entry in enumerate(page.entries):
        size += len(entry)
        if size >= PAGE_BYTES or index == len(page.entries) - 1:
            part = page.entries[first : index + 1]
            yield page._replace(start=page.start + first, entries=part)
            first, size = index + 1, 0
