"""Servers that do not mind whether anybody reads."""

import asyncio
from collections.abc import AsyncGenerator

from ..drivers.emit_timing import (
    record_floods,
    record_holding,
    record_memory,
    record_neighbours,
    record_pace,
)
from ..options import Options
from ..transcript import Record
from .driving import live, of_process
from .golden import Golden, Out
from .registry import mutant

# A minute is too long here.
SLOW = Options(slow=True, time_scale=0.01)
HASTY = Options(time_scale=0.2)


class Unbounded(Out):
    """Keeps in memory what the client does not read."""

    async def send(self, block: bytes) -> None:
        self.wire.write_now(self.framed(block))


@live("FLO-01", record_floods)
class Eager(Golden):
    """Puts an unbounded buffer before each client."""

    out_type = Unbounded

    async def with_heartbeats(
        self, blocks: AsyncGenerator[bytes, None]
    ) -> AsyncGenerator[bytes, None]:
        async for block in blocks:  # as quickly as can be
            yield block


@live("FLO-02", record_floods, options=HASTY)
class Forgetful(Golden):
    """Drops an event without a word."""

    async def flood(self, n: int, size: int) -> AsyncGenerator[bytes, None]:
        number = 0
        async for block in super().flood(n, size):
            if number != n // 2:
                yield block
            number += 1


class InTurn(Out):
    """Writes to one client at a time, and waits for each."""

    turn = asyncio.Lock()

    async def send(self, block: bytes) -> None:
        async with self.turn:
            await super().send(block)


@live("FLO-03", record_pace, record_neighbours)
class Considerate(Golden):
    """Waits for the slowest of all."""

    out_type = InTurn


@live("FLO-04", record_holding, options=SLOW)
class Patient(Golden):
    """Waits for a client for ever."""

    patience = 3600.0


class Hoarding(Eager):
    """Keeps what a client does not read, in a process whose memory can be seen."""


@mutant("FLO-05", "keeps what a client does not read", Hoarding().serve)
def hoarding() -> Record:
    return of_process(Hoarding, record_memory, time_scale=0.5)
