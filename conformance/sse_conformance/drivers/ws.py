"""Talk to a server of WebSockets, and record it: what it takes, what it refuses, how it ends.

Each plan opens connections of its own. RFC 6455 is put to the test on any server, and what agents
do on one whose profile is chosen.
"""

from collections.abc import Collection
from time import perf_counter

from ..conversation import PROFILES
from ..options import Options
from ..transcript import Exchange, Record, Subject
from ..wire.place import place_of
from .check import Progress, quiet
from .ws_agent import AGENT, programs
from .ws_bench import Bench, Plan
from .ws_plans import RFC_6455, flood, idle, oversize

LONGEST = 180.0  # seconds, times `time_scale`: after that no plan is begun


def ws(
    url: str,
    options: Options | None = None,
    progress: Progress = quiet,
    only: Collection[str] | None = None,
) -> Record:
    """Record all plans that the options allow, or those of them that are named.

    Raises `ValueError` if the URL is none, and for a server on another machine that nobody has
    said is ours to attack.
    """
    options = options or Options()
    if not place_of(url).is_loopback and not options.own_target:
        raise ValueError(f"frames that break rules are sent to one's own servers only: {url}")
    record = Record(Subject(target=url, mode="ws", options=options))
    bench = Bench(url, options, record, perf_counter() + LONGEST * options.time_scale)
    chosen = [plan for plan in plans(options) if only is None or plan.__name__ in only]
    for number, plan in enumerate(chosen, 1):
        progress(f"{number} of {len(chosen)}: {plan.__name__.replace('_', ' ')}")
        plan(bench)
        if bench.is_late or not _is_accepted(record):
            break  # of a server that answers nothing, nothing more is asked
    return record


def plans(options: Options) -> list[Plan]:
    """Those that the options allow, in their order."""
    allowed: list[Plan] = [*RFC_6455]
    if options.profile in PROFILES:
        allowed += AGENT if options.fast else [*AGENT, programs]
    if not options.fast:
        allowed.append(flood)
    if options.slow:
        allowed += [oversize, idle]
    return allowed


def _is_accepted(record: Record) -> bool:
    """Whether there was a WebSocket, if we have tried."""
    shaken = [each for each in record.all("handshake") if isinstance(each, Exchange)]
    return all(each.status == 101 for each in shaken)
