"""The scripts in which time or memory matters, in an order in which they do not disturb each other.

`record_quietly` comes first and alone: it measures milliseconds and counts streams. Then
`recording_silence` waits for heartbeats, while others may work. `record_shutdown` ends the server.
"""

from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TypeAlias

from ..options import Options
from ..transcript import Record
from . import emit_state as state
from . import emit_timing as timing
from .producing import Producer

Recording: TypeAlias = Callable[[Producer, Record], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """Something to record, if the producer can do this, and the user wants it."""

    record: Recording
    needs: tuple[str, ...] = ()
    is_wanted: Callable[[Options], bool] = lambda _: True


QUIET_PLANS = (
    Plan(timing.record_heads, ("sleep",)),
    Plan(timing.record_pace, ("sleep",)),
    Plan(timing.record_compression, ("sleep",)),
    Plan(timing.record_neighbours, ("sleep", "flood")),
    Plan(timing.record_floods, ("flood",)),
    Plan(timing.record_memory, ("flood",), lambda options: options.pid is not None),
    Plan(timing.record_holding, ("flood",), lambda options: options.slow),
    Plan(timing.record_parallel, ("sleep",), lambda options: not options.fast),
    Plan(state.record_bad_inputs),
    Plan(state.record_leaving, ("sleep", "stats")),
    Plan(state.record_overload, ("overload",)),
    Plan(state.record_cuts, ("resume",)),
    Plan(state.record_identifiers, ("resume",)),
    Plan(state.record_finished, ("resume",)),
    Plan(state.record_gap, ("resume",)),
    Plan(state.record_readers, ("resume",)),
    Plan(state.record_stranger, ("resume",), state.has_credentials),
)


def record_quietly(
    producer: Producer, record: Record, before: Callable[[str], None] = lambda _: None
) -> None:
    """Record all that needs an otherwise idle producer; `before` is told what comes next."""
    for plan in QUIET_PLANS:
        if producer.is_late:
            return
        if producer.can(*plan.needs) and plan.is_wanted(producer.options):
            before(plan.record.__name__.removeprefix("record_").replace("_", " "))
            with suppress(OSError):  # there is no connection any more: less is recorded
                plan.record(producer, record)


@contextmanager
def recording_silence(producer: Producer, record: Record) -> Generator[None]:
    """Wait for heartbeats while the block runs; it ends when there were enough of them."""
    if producer.options.fast or not producer.can("sleep"):
        yield
        return
    with ThreadPoolExecutor(max_workers=1) as thread:
        silent = thread.submit(timing.silent, producer)
        yield
        for emitted in silent.result():
            record.add("silent", emitted)


def record_shutdown(producer: Producer, record: Record) -> None:
    """Record what may end the server, or is to end it: nothing can come after this."""
    if producer.can("raise"):
        state.record_failures(producer, record)  # some programs do not survive it
    if producer.options.pid is not None and producer.can("sleep"):
        state.record_shutdown(producer, record)
