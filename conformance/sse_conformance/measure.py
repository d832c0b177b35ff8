"""What a recorded stream says about time: used by the checks, and by drivers to sample again."""

import re
from itertools import pairwise

from .sse import Event
from .transcript import Emitted, Exchange, Operations

STALL_SECONDS = 1.5  # a client reads nothing for so long
HELD_SECONDS = 60.0  # and nobody comes back who has read nothing for so long
FLOOD_SIZE = 8000
# On the loopback interface the buffers of both sockets hold about 4 MB, and a producer may run
# ahead by 8 MiB: a flood is well beyond that.
FLOOD_EVENTS = 4000
AHEAD_BYTES = 8 * 1024 * 1024

# What `flood` writes: its number, and the milliseconds from the flood's start to its making. A
# producer that encodes its data as JSON puts quotes around it.
_STAMP = re.compile(r'"?([0-9]+) ([0-9]+(?:\.[0-9]+)?) x*"?')


def arrivals(exchange: Exchange) -> list[float]:
    """When each event was there, to the end of its blank line."""
    return [exchange.arrival(event.end - 1) for event in exchange.stream.events]


def longest_silence(exchange: Exchange) -> float:
    """The longest time without a byte, from the request to the end."""
    return max(later - earlier for earlier, later in pairwise(_signs(exchange)))


def silent_from(exchange: Exchange, seconds: float) -> float | None:
    """When it begins to be silent for longer than this; None if it never is."""
    gaps = pairwise(_signs(exchange))
    return next((earlier for earlier, later in gaps if later - earlier > seconds), None)


def _signs(exchange: Exchange) -> list[float]:
    """When there was something to be seen, from the request to the end."""
    head = [exchange.head.at] if exchange.head else []
    return [0.0, *head, *(piece.at for piece in exchange.body), exchange.ended_at]


def stamps(events: tuple[Event, ...]) -> list[tuple[int, float]]:
    """The number of each event of a flood, and the seconds at which it was made."""
    found = (_STAMP.fullmatch(event.data) for event in events)
    return [(int(match[1]), float(match[2]) / 1000) for match in found if match]


def longest_pause(emitted: Emitted) -> float:
    """For how long no event of a flood was made."""
    times = [at for _, at in stamps(emitted.exchange.stream.events)]
    return max((later - earlier for earlier, later in pairwise(times)), default=0.0)


def made_within(emitted: Emitted, seconds: float) -> int:
    """How many bytes of a flood were made in its first seconds."""
    return FLOOD_SIZE * sum(at <= seconds for _, at in stamps(emitted.exchange.stream.events))


def asked_sleep(script: Operations) -> float:
    """For how long the script sleeps altogether, in seconds."""
    times = (operation.get("sleep") for operation in script)
    return sum(time for time in times if isinstance(time, int | float)) / 1000
