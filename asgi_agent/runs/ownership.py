"""The right of one worker to write the log of a run: a lease that appends renew, and an epoch.

Whoever has not renewed its lease in time may be replaced. The epoch keeps a worker that does not
know this yet from writing; here it finds out by itself, when the store is silent for too long.
"""

import asyncio
import math
from collections.abc import Sequence

from ..errors import Closed, Fenced, Missing, Unavailable
from ..logs import EventLog

FIRST_PAUSE = 0.05  # seconds before an append is repeated; each pause is twice the one before, ...
LONGEST_PAUSE = 1.0  # ... up to this


class Ownership:
    """The log of one run, as its owner writes it. One append at a time.

    A log that nobody shares needs no lease: it is never lost, and an append that fails is the
    caller's to repeat.
    """

    def __init__(self, eventlog: EventLog, run_id: str, lease_seconds: float) -> None:
        self.run_id = run_id
        self.is_leased = eventlog.is_shared
        self.seconds = lease_seconds if self.is_leased else math.inf
        self.last = 0  # the number of the newest entry that the log has acknowledged
        self._log = eventlog
        self._epoch: int | None = None
        self._until = math.inf  # on the event loop's clock: when somebody else may own the run

    @property
    def is_due(self) -> bool:
        """Whether a third of the lease has gone by since it was renewed."""
        return self._until - _now() <= self.seconds * 2 / 3

    async def claim(self) -> bool:
        """Own the run; False if somebody else does, or it has ended. Raises `Missing`."""
        sent = _now()
        self._epoch = await self._log.claim(self.run_id, self.seconds)
        self._until = sent + self.seconds  # the store counts from a later moment
        return self._epoch is not None

    async def append(self, entries: Sequence[bytes], end: str | None = None) -> None:
        """Add the entries and renew the lease; without entries, only that.

        While the store is unavailable it is tried again until the lease has run out. Raises
        `Fenced` when the run is not ours any more, and `Diverged`; without a lease whatever the
        log raises. After a cancellation it may be called again with the same entries.
        """
        await self._append(entries, self.seconds, end)

    async def release(self, entries: Sequence[bytes]) -> None:
        """Add the entries, and let another worker have the run. Raises as `append` does."""
        await self._append(entries, 0, None)

    async def catch_up(self) -> int:
        """Go on where the log is, after it has lost what it had acknowledged: how many entries."""
        acknowledged = self.last
        self.last = (await self._log.read(self.run_id, self.last, 1)).last
        return max(0, acknowledged - self.last)

    async def _append(self, entries: Sequence[bytes], ttl: float, end: str | None) -> None:
        if not self.is_leased:
            self.last = await self._send(entries, ttl, end)
            return
        pause = FIRST_PAUSE
        while True:
            sent = _now()
            try:
                # Thawed after its lease, a worker still asks once: nobody may have claimed the run.
                # While it asks the agent rests, so it may be patient with a store that is slow.
                async with asyncio.timeout(max(self._until - sent, self.seconds)):
                    self.last = await self._send(entries, ttl, end)
            except (Closed, Missing) as error:
                raise Fenced(str(error)) from error
            except (Unavailable, TimeoutError) as error:
                if _now() + pause >= self._until:
                    raise Fenced(f"run {self.run_id}: its lease could not be renewed") from error
            else:
                self._until = sent + self.seconds
                return
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _send(self, entries: Sequence[bytes], ttl: float, end: str | None) -> int:
        return await self._log.append(
            self.run_id, entries, at=self.last, epoch=self._epoch, ttl=ttl, end=end
        )


def _now() -> float:
    return asyncio.get_running_loop().time()
