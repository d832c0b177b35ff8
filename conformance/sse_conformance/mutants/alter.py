"""Records of a sound server, in which one thing is altered."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

from ..drivers.check import check
from ..options import Options
from ..transcript import Exchange, Fields, Record, changed
from .golden import Golden

ORIGIN = "https://a.example"  # which a golden server lets read
FINITE = Options(origin=ORIGIN)


@cache
def sound() -> Record:
    """What is recorded of a golden server, whose stream is short."""
    return driven(Golden(events=3, interval=0.03))


def driven(server: Golden, options: Options = FINITE, path: str = "/stream") -> Record:
    """What the passive driver records of this server."""
    with server.served() as url:
        return check(url + path, options)


def altered(name: str, change: Callable[[Exchange], Exchange]) -> Record:
    """The sound record, with a change to all exchanges of this name."""
    exchanges = [item for item in sound().all(name) if isinstance(item, Exchange)]
    return changed(sound(), name, [change(each) for each in exchanges])


def with_profile(record: Record, profile: str) -> Record:
    """The same, of a subject that is looked at with this profile."""
    options = replace(record.subject.options, profile=profile)
    copy = Record(replace(record.subject, options=options))
    for entry in record:
        copy.add(entry.name, entry.item)
    return copy


def with_field(exchange: Exchange, name: str, *values: str) -> Exchange:
    """The same, but with these values of this field only."""
    if exchange.head is None:
        raise ValueError("there is no head to be altered")
    kept = [field for field in exchange.head.fields if field[0].lower() != name.lower().encode()]
    given: Fields = tuple((name.encode(), value.encode()) for value in values)
    return replace(exchange, head=replace(exchange.head, fields=(*kept, *given)))


def with_status(exchange: Exchange, status: int) -> Exchange:
    """The same, but with this status."""
    if exchange.head is None:
        raise ValueError("there is no head to be altered")
    return replace(exchange, head=replace(exchange.head, status=status))
