"""That a worker follows a run which another one executes, as it tells the owner.

The owner counts its followers only to know when the last one has left, which `on_disconnect` may
make the end of the run. So a worker writes to the run's mailbox when somebody here begins to follow
it, now and then while that is so, and when nobody does any more. What it said is true for a while
only: a worker that is lost cannot say that its followers are.
"""

import asyncio
import math
from dataclasses import dataclass, field
from uuid import uuid4

from ..errors import LogError
from .mailbox import Attends, Mailbox

TELL_SECONDS = 30.0  # how often it is said again
TRUE_SECONDS = 120.0  # how long it is true; meanwhile a follower may wait for a slow client


@dataclass(slots=True)
class _Audience:
    """Who follows one run here."""

    followers: set[object] = field(default_factory=set[object])
    told_at: float = -math.inf
    is_expecting: bool = False


class Attendance:
    """The runs of others that this worker follows; nothing is told unless it `is_wanted`."""

    def __init__(self, *, is_wanted: bool) -> None:
        self._is_wanted = is_wanted
        self._worker = uuid4().hex
        self._audiences: dict[str, _Audience] = {}

    def expect_client(self, run_id: str) -> None:
        """The follower here who leaves next comes back with an answer."""
        if run_id in self._audiences:
            self._audiences[run_id].is_expecting = True

    async def stay(self, mailbox: Mailbox, run_id: str, follower: object) -> None:
        """The follower goes on."""
        if not self._is_wanted:
            return
        audience = self._audiences.setdefault(run_id, _Audience())
        audience.followers.add(follower)
        now = asyncio.get_running_loop().time()
        if now - audience.told_at >= TELL_SECONDS:
            audience.told_at = now
            if not await self._tell(mailbox, TRUE_SECONDS):
                audience.told_at = -math.inf  # the next one who stays says it

    async def leave(
        self, mailbox: Mailbox, run_id: str, follower: object, *, is_to_be_told: bool
    ) -> None:
        """The follower has left, if it was one. A run that has ended need not be told."""
        audience = self._audiences.get(run_id)
        if audience is None or follower not in audience.followers:
            return
        audience.followers.remove(follower)
        if not audience.followers:
            del self._audiences[run_id]
            if is_to_be_told:
                await self._tell(mailbox, 0, is_expecting=audience.is_expecting)

    async def _tell(self, mailbox: Mailbox, seconds: float, *, is_expecting: bool = False) -> bool:
        try:
            await mailbox.add(Attends(self._worker, seconds, is_expecting))
        except LogError:  # the run may be gone, or the store away
            return False
        return True
