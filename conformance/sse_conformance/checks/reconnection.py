"""How a producer goes on for a client that comes back: WHATWG HTML 9.2.1, 9.2.3 and 9.2.4."""

from typing import TypeAlias

from ..registry import check
from ..transcript import Emitted, Exchange, Observation
from ..verdict import Outcome, broken, holds, noted, unknown
from .samples import came
from .seen import is_stream

Event: TypeAlias = tuple[str, str, str]  # its type, its data and the last event ID with it
Samples: TypeAlias = tuple[Emitted, ...]
EMPTY_TRIES = 3  # as many empty streams, one after another, are no accident


def seen(exchange: Exchange) -> list[Event]:
    """The events of a stream, so that those of two can be compared."""
    return [(each.type, each.data, each.last_event_id) for each in exchange.stream.events]


@check("REC-01", "uncut")
def events_have_ids(emitted: Emitted) -> Outcome:
    events = emitted.exchange.stream.events
    if not events:
        return unknown(came(emitted.exchange))
    for index, event in enumerate(events):
        if not event.last_event_id:
            return broken(f"event {index}, at byte {event.offset}, has no ID: {event.data[:40]!r}")
    return holds(f"{len(events)} events, the first with the ID {events[0].last_event_id!r}")


@check("REC-01", "get")
def a_stream_can_be_resumed(exchange: Exchange) -> Outcome:
    events = exchange.stream.events
    if not is_stream(exchange) or not events:
        return unknown(f"{came(exchange)}, {len(events)} events")
    evidence = f"the first event has the ID {events[0].last_event_id!r}"
    if events[0].last_event_id:
        return holds(evidence)
    # Not every stream has to be resumable.
    return noted(f"{evidence}: a client that comes back cannot say what it has")


@check("REC-02", "uncut", "cut*", "resumed*")
def nothing_is_lost_or_repeated(uncut: Emitted, cuts: Samples, resumed: Samples) -> Outcome:
    whole = seen(uncut.exchange)
    if not whole or uncut.exchange.end != "complete":
        return unknown(f"the uncut run: {came(uncut.exchange)}; {uncut.exchange.end}")
    judged = 0
    for first, second in zip(cuts, resumed, strict=True):
        begun, rest = seen(first.exchange), seen(second.exchange)
        if begun != whole[: len(begun)] or not begun:
            continue  # a run does not repeat itself here, and so nothing can be compared
        judged += 1
        evidence = f"cut after {begun[-1][2]!r}: {came(second.exchange)}, with {_ids(rest)}"
        if second.exchange.status not in (200, 204):
            return broken(f"{evidence}, and that ID was known")
        if rest != whole[len(begun) :]:
            return broken(f"{evidence}; missing was {_ids(whole[len(begun) :])}")
    if not judged:
        return unknown(f"no cut run began as the uncut one did: {_ids(whole)}")
    return holds(f"{judged} cuts of {len(whole)} events, each resumed without loss or repetition")


def _ids(events: list[Event]) -> str:
    return "[" + ", ".join(identifier or "no ID" for _, _, identifier in events) + "]"


@check("REC-03", "opaque*")
def an_id_means_nothing(emitted: Samples) -> Outcome:
    for each in emitted:
        identifier = str(each.script[0]["id"])
        after = [event.data.strip('"') for event in each.exchange.stream.events]
        evidence = f"after {_shown(identifier)}: {came(each.exchange)}, with the events {after}"
        if each.exchange.status != 200 or after != ["after"]:
            return broken(f"{evidence}; one was to come, 'after'")
    return holds(f"{len(emitted)} odd event IDs were found again")


def _shown(identifier: str) -> str:
    return repr(identifier[:40]) + (f" ({len(identifier)} characters)" if identifier[40:] else "")


@check("REC-05", "gap")
def a_gap_is_told(emitted: Emitted) -> Outcome:
    exchange = emitted.exchange
    events = exchange.stream.events
    asked = {str(operation["data"]) for operation in emitted.script}
    evidence = f"after the first of {len(asked)} events: {came(exchange)}"
    if exchange.status >= 400:
        return holds(evidence)
    if not events:
        return unknown(f"{evidence}, with no event")
    first = events[0].data.strip('"')
    comments = [line for line in exchange.stream.lines if line.is_comment and line.value]
    others = [event for event in events if event.data.strip('"') not in asked]
    evidence += f"; it went on with {first[:40]!r}"
    if first == "2":
        return holds(evidence)
    if others or comments or first == "1":
        return holds(f"{evidence}; beside the events: {len(others) + len(comments)}")
    return broken(f"{evidence}, and says nothing of what is missing")


@check("REC-06", "finished")
def a_finished_run_is_204(emitted: Emitted) -> Outcome:
    exchange = emitted.exchange
    evidence = f"all was delivered, then {came(exchange)}"
    if exchange.status == 204:
        return holds(evidence)
    if exchange.status == 200:
        count = len(exchange.stream.events)
        return broken(f"{evidence}, with {count} events: the client comes back for ever")
    if exchange.status >= 400:
        return noted(f"{evidence}: the client stops, but with an error")
    return unknown(evidence)


@check("REC-07", "runs")
def a_run_is_run_once(runs: Observation) -> Outcome:
    before, between, after = (runs.facts[name] for name in ("before", "between", "after"))
    evidence = f"runs begun: {before:g}, then {between:g}; after coming back twice: {after:g}"
    if between <= before:
        return unknown(f"{evidence}: this run was not counted")
    return broken(evidence) if after > between else holds(evidence)


@check("REC-09", "overload")
def too_much_to_do_is_an_error(emitted: Emitted) -> Outcome:
    exchange = emitted.exchange
    head = exchange.head
    evidence = came(exchange)
    if head is None:
        return unknown(evidence)
    if head.status == 200 and not exchange.stream.events:
        return broken(f"{evidence}, and no event: the client comes back at once")
    return holds(f"{evidence}, {head.line('retry-after')}")


@check("REC-09", "get", "get_again*")
def streams_are_not_empty(get: Exchange, again: tuple[Exchange, ...]) -> Outcome:
    tries = [get, *again]
    empty = [each for each in tries if is_stream(each) and _is_empty(each)]
    evidence = f"{len(empty)} of {len(tries)} streams ended without an event or a comment"
    if len(empty) >= EMPTY_TRIES and len(empty) == len(tries):
        return broken(f"{evidence}, after {empty[0].ended_at:.3f} s")
    return holds(evidence) if any(map(is_stream, tries)) else unknown(came(get))


def _is_empty(exchange: Exchange) -> bool:
    return not exchange.content and exchange.end in ("complete", "closed")


@check("REC-10", "stranger")
def a_run_belongs_to_its_caller(emitted: Emitted) -> Outcome:
    leaked = [event for event in emitted.exchange.stream.events if "secret" in event.data]
    evidence = f"without our credentials: {came(emitted.exchange)}"
    if leaked:
        return broken(f"{evidence}, and an event of ours at byte {leaked[0].offset}")
    return holds(f"{evidence}, and nothing of ours")


@check("REC-11", "reader*")
def each_reader_gets_all(emitted: Samples) -> Outcome:
    exchanges = [each.exchange for each in emitted]
    evidence = "; ".join(f"{came(each)}, {_ids(seen(each))}" for each in exchanges)
    asked = [str(operation["id"]) for operation in emitted[0].script if "id" in operation]
    whole = [[event[2] for event in seen(each)] == asked for each in exchanges]
    refused = [each.status >= 400 for each in exchanges]
    if all(refused):
        return unknown(evidence)
    are_right = [is_whole or is_no for is_whole, is_no in zip(whole, refused, strict=True)]
    return holds(evidence) if all(are_right) else broken(evidence)
