"""Scripts in which time matters: recorded several times, and never judged by one sample.

https://html.spec.whatwg.org/multipage/server-sent-events.html#authoring-notes
"""

import re
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import sleep

from ..measure import FLOOD_EVENTS, FLOOD_SIZE, HELD_SECONDS, STALL_SECONDS, longest_pause
from ..transcript import Emitted, Observation, Operation, Piece, Record
from ..wire.http1 import Connection
from ..wire.place import written
from .producing import Producer, all_at_once, emit, emit_at_once, event, pause

SAMPLES = 3
LATE_SECONDS = 2.0  # so late comes the first event of "early"
PACE_SECONDS = 0.1
PACED_EVENTS = 8
PARALLEL = 20
STALL_BUFFER = 64 * 1024
NEIGHBOUR_SECONDS = 4.0  # whoever is delayed so long is delayed
FLOOD: Operation = {"flood": {"n": FLOOD_EVENTS, "size": FLOOD_SIZE}}
FLOOD_LIMIT = 2 * FLOOD_EVENTS * FLOOD_SIZE
FLOOD_SECONDS = 30.0
LEAST_FLOOD_SECONDS = 5.0  # however much of a hurry the user is in
SILENT_HEARTBEATS = 2.2
MEMORY_LOOKS = 6
GROWTH = 1024 * 1024  # bytes; less is none
_PADDING = re.compile(b"xx+")


def record_heads(producer: Producer, record: Record) -> None:
    """Add "early": nothing is said for a while, and the headers should be there already."""
    script = [pause(producer.patience(LATE_SECONDS)), event("late")]
    for emitted in emit_at_once(producer, script, SAMPLES):
        record.add("early", emitted)


def record_pace(producer: Producer, record: Record) -> None:
    """Add "paced": there are pauses between the events, and so there should be on arrival."""
    for emitted in emit_at_once(producer, _paced(producer), SAMPLES):
        record.add("paced", emitted)


def record_compression(producer: Producer, record: Record) -> None:
    """Add "compressed": the paced script, for a client that takes gzip. Nobody has to use it."""
    script = _paced(producer)
    request = producer.request(script, fields=[("Accept-Encoding", "gzip")])
    for emitted in all_at_once([partial(emit, producer, script, request=request)] * SAMPLES):
        record.add("compressed", emitted)


def record_parallel(producer: Producer, record: Record) -> None:
    """Add "parallel": many streams at once, in several batches, and none should wait."""
    script = [event("first"), pause(producer.patience(0.2))]
    for _ in range(SAMPLES):
        for emitted in emit_at_once(producer, script, PARALLEL):
            record.add("parallel", emitted)


def record_floods(producer: Producer, record: Record) -> None:
    """Add "flood": more than all buffers hold, for a client who does not read for a while.

    One sample is enough if the producer has paused in it. Where it has not, there are more.
    """
    stall = producer.patience(STALL_SECONDS)
    for _ in range(SAMPLES):
        emitted = _flooded(producer, stall)
        record.add("flood", emitted)
        if longest_pause(emitted) >= 0.8 * stall or producer.is_late:
            return


def record_holding(producer: Producer, record: Record) -> None:
    """Add "held": a client reads nothing for a minute, and then looks whether it is still on."""
    record.add("held", _flooded(producer, producer.patience(HELD_SECONDS)))


def record_neighbours(producer: Producer, record: Record) -> None:
    """Add "neighbour": paced streams, while another client reads nothing of a flood."""
    with _stalled(producer):
        sleep(producer.patience(STALL_SECONDS / 2))  # until all buffers are full
        seconds = producer.patience(NEIGHBOUR_SECONDS)
        for emitted in emit_at_once(producer, _paced(producer), SAMPLES, seconds):
            record.add("neighbour", emitted)


def record_memory(producer: Producer, record: Record) -> None:
    """Add "memory": what the producer's processes take, before and while a client is stalled."""
    pid = producer.options.pid or 0
    before = resident_bytes(pid)
    with _stalled(producer):
        during = _settled_memory(pid, before, producer.patience(STALL_SECONDS))
    if before and during:
        facts = {"before": float(before), "during": float(during)}
        record.add("memory", Observation(what="memory", facts=facts))


def silent(producer: Producer) -> list[Emitted]:
    """The samples of "silent": two events, and more than two heartbeats' time between them."""
    silence = SILENT_HEARTBEATS * producer.options.heartbeat
    script = [event("before", "silent"), pause(silence), event("after")]
    return emit_at_once(producer, script, SAMPLES, silence + producer.patience(5.0))


def record_silence(producer: Producer, record: Record) -> None:
    """Add "silent"."""
    for emitted in silent(producer):
        record.add("silent", emitted)


def condensed(emitted: Emitted) -> Emitted:
    """The same, without what was received raw, and with almost nothing of the flood's padding."""
    pieces = (Piece(each.at, _PADDING.sub(b"x", each.data)) for each in emitted.exchange.body)
    exchange = replace(emitted.exchange, received=(), body=tuple(pieces))
    return replace(emitted, exchange=exchange)


def resident_bytes(pid: int) -> int:
    """The memory of this process and its children; 0 where this machine does not tell."""
    process = Path("/proc") / str(pid)
    try:
        children = (process / "task" / str(pid) / "children").read_text().split()
        lines = (process / "status").read_text().split("\n")
    except OSError:
        return 0
    own = sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:"))
    return own + sum(resident_bytes(int(child)) for child in children)


def _settled_memory(pid: int, before: int, seconds: float) -> int:
    """The memory of the process when it does not grow any more, or when we have looked enough."""
    sizes = [before - GROWTH, before]
    while sizes[-1] - sizes[-2] >= GROWTH and len(sizes) < MEMORY_LOOKS:
        sleep(seconds)
        sizes.append(resident_bytes(pid))
    return sizes[-1]


def _paced(producer: Producer) -> list[Operation]:
    between = pause(producer.patience(PACE_SECONDS))
    return [each for number in range(PACED_EVENTS) for each in (event(str(number)), between)]


def _flooded(producer: Producer, stall: float) -> Emitted:
    emitted = emit(
        producer,
        [FLOOD],
        seconds=stall + max(producer.patience(FLOOD_SECONDS), LEAST_FLOOD_SECONDS),
        pause=stall,
        rcvbuf=STALL_BUFFER,
        limit=FLOOD_LIMIT,
    )
    return condensed(emitted)


@contextmanager
def _stalled(producer: Producer) -> Generator[None]:
    """While the block runs, a client reads nothing of a flood that it has asked for."""
    request = producer.request([FLOOD])
    with Connection(producer.url, rcvbuf=STALL_BUFFER) as connection:
        connection.send(written(request))
        yield
        connection.reset()
