"""Servers to which a client comes back in vain, or at somebody's expense."""

from collections.abc import AsyncGenerator
from urllib.parse import unquote

from ..drivers.emit_state import (
    record_cuts,
    record_finished,
    record_gap,
    record_identifiers,
    record_overload,
    record_readers,
    record_stranger,
)
from ..options import Options
from .driving import QUICK, live
from .golden import Golden
from .http import Asked, Refused, Wire
from .script import Op, Run, Script

SIGNED_IN = Options(headers=(("Authorization", "Bearer me"),), time_scale=QUICK.time_scale)


@live("REC-01", record_cuts)
class Nameless(Golden):
    """Writes no IDs."""

    def encode(self, op: Op) -> bytes:
        return super().encode({name: value for name, value in op.items() if name != "id"})


@live("REC-02", record_cuts)
class Repeating(Golden):
    """Sends the last event again."""

    def place(self, run: Run, last_event_id: str | None) -> int:
        return max(0, super().place(run, last_event_id) - 1)


@live("REC-03", record_cuts, record_identifiers)
class Decoding(Golden):
    """Decodes percent signs in event IDs."""

    def place(self, run: Run, last_event_id: str | None) -> int:
        return super().place(run, unquote(last_event_id or ""))


@live("REC-05", record_gap)
class Skipping(Golden):
    """Goes on where it can, without a word."""

    def place(self, run: Run, last_event_id: str | None) -> int:
        try:
            return super().place(run, last_event_id)
        except Refused:
            return max(0, run.end - self.known_ids)


@live("REC-06", record_finished)
class Endless(Golden):
    """Answers an empty stream when all is delivered."""

    async def resume(self, asked: Asked, wire: Wire, script: Script, name: str) -> bool:
        run = self.run(asked, script, name)
        return await self.stream(asked, wire, run.follow(self.place(run, asked.last_event_id)))


@live("REC-07", record_finished)
class Restarting(Golden):
    """Runs again for each reconnection."""

    async def resume(self, asked: Asked, wire: Wire, script: Script, name: str) -> bool:
        self.begun += 1
        return await super().resume(asked, wire, script, name)


@live("REC-09", record_overload)
class Overloaded(Golden):
    """Answers an empty stream when it is overloaded."""

    async def overloaded(self, asked: Asked, wire: Wire) -> bool:
        return await self.stream(asked, wire, self.work(Script(())))


@live("REC-10", record_stranger, options=SIGNED_IN)
class Trusting(Golden):
    """Gives a run to everybody who knows its name."""

    def principal(self, asked: Asked) -> str | None:
        return None


class Shared(Run):
    """Gives each event to one reader only."""

    taken = 0

    async def follow(self, place: int) -> AsyncGenerator[bytes, None]:
        async for block in super().follow(place):
            place += 1
            if place > self.taken:
                self.taken = place
                yield block


@live("REC-11", record_readers)
class Sharing(Golden):
    """Shares the events out among the readers."""

    run_type = Shared
