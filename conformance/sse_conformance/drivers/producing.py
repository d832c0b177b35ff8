"""Have scripts emitted, one by one or at once, and record what comes."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from math import inf
from time import perf_counter
from typing import TypeAlias, TypeVar

from ..options import Options
from ..script import Capabilities, Form, request_for
from ..sse import interpret
from ..transcript import Emitted, Operation, Request
from ..wire.http1 import LIMIT, StopAfter, record
from ..wire.place import replaced

T = TypeVar("T")
Script: TypeAlias = Sequence[Operation]
Fields: TypeAlias = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Producer:
    """A URL that keeps the emit contract."""

    url: str
    options: Options
    about: Capabilities
    form: Form = "POST"  # how it takes a script
    until: float = inf  # on the clock of `perf_counter`: then nothing more is begun

    def can(self, *capabilities: str) -> bool:
        """Whether it has all of these capabilities."""
        return self.about.capabilities.issuperset(capabilities)

    @property
    def fields(self) -> Fields:
        """What the user wants in each request."""
        return self.options.headers

    @property
    def is_late(self) -> bool:
        """Whether all that was done so far has taken too long: some end no stream, ever."""
        return perf_counter() > self.until

    def patience(self, seconds: float) -> float:
        """These seconds, as the user would have them."""
        return seconds * self.options.time_scale

    def request(
        self, script: Script, *, run: str = "", fields: Fields = (), form: Form | None = None
    ) -> Request:
        """The request for this script, in the form that the producer takes, or in this one.

        `fields` take the place of those that the user wants, where they have the same names.
        """
        sent = replaced(self.options.headers, fields)
        return request_for(self.url, script, form=form or self.form, run=run, fields=sent)


def emit(
    producer: Producer,
    script: Script,
    *,
    request: Request | None = None,
    seconds: float | None = None,
    stop_after: StopAfter | None = None,
    pause: float = 0.0,
    rcvbuf: int | None = None,
    limit: int = LIMIT,
) -> Emitted:
    """Have this script emitted, by this request if it is a special one. It ends in time."""
    exchange = record(
        producer.url,
        request or producer.request(script),
        seconds=producer.patience(10.0) if seconds is None else seconds,
        stop_after=stop_after,
        pause=pause,
        rcvbuf=rcvbuf,
        limit=limit,
    )
    return Emitted(script=tuple(script), exchange=exchange)


def all_at_once(works: Iterable[Callable[[], T]]) -> list[T]:
    """Do all of it in threads, and wait for all."""
    each = list(works)
    with ThreadPoolExecutor(max_workers=len(each)) as threads:
        return [future.result() for future in [threads.submit(work) for work in each]]


def emit_at_once(
    producer: Producer, script: Script, times: int, seconds: float | None = None
) -> list[Emitted]:
    """Have the script emitted so many times at once."""
    return all_at_once([partial(emit, producer, script, seconds=seconds)] * times)


def has_events(number: int) -> Callable[[bytearray], bool]:
    """Leave a stream when it has so many events."""
    return lambda content: len(interpret(bytes(content)).events) >= number


def event(data: str, identifier: str = "") -> Operation:
    """The operation for an event, with an ID or without one."""
    return {"data": data, "id": identifier} if identifier else {"data": data}


def pause(seconds: float) -> Operation:
    """The operation that does nothing for so long."""
    return {"sleep": round(seconds * 1000)}
