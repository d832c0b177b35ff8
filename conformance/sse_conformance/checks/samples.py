"""What several samples say together: one of them may be an accident of a busy machine."""

from collections.abc import Iterable, Sequence

from ..measure import asked_sleep
from ..sse import Event
from ..transcript import Emitted, Exchange
from ..verdict import Outcome, broken, holds, unstable
from .seen import answer, is_stream


def settled(are_wrong: Sequence[bool], evidence: str) -> Outcome:
    """Broken if all samples are wrong, and sound if at most one in three is."""
    if all(are_wrong):
        return broken(evidence)
    return unstable(evidence) if 3 * sum(are_wrong) > len(are_wrong) else holds(evidence)


def seconds(times: Iterable[float]) -> str:
    """Evidence: these times."""
    return ", ".join(f"{time:.3f} s" for time in times)


def streams(emitted: Iterable[Emitted]) -> list[Emitted]:
    """Those that were answered with an event stream."""
    return [each for each in emitted if is_stream(each.exchange)]


def has_slept(emitted: Emitted) -> bool:
    """Whether the stream has taken as long as its pauses: else they were not made."""
    return emitted.exchange.ended_at >= 0.9 * asked_sleep(emitted.script)


def unasked(emitted: Emitted) -> list[Event]:
    """The events that the script has not asked for."""
    data = [str(operation["data"]) for operation in emitted.script if "data" in operation]
    asked = {*data, *(f'"{each}"' for each in data)}  # a producer may write JSON
    return [event for event in emitted.exchange.stream.events if event.data not in asked]


def came(exchange: Exchange) -> str:
    """Evidence: what came of a request, without its target, of which a script makes a long one."""
    return answer(exchange).partition(": ")[2]
