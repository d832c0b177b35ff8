"""How an ASGI application behaves: when its client leaves, when it is called again, and besides.

https://asgi.readthedocs.io/en/latest/specs/main.html
"""

from collections import Counter

from ..registry import check
from ..sse import Event
from ..transcript import Call
from ..verdict import Outcome, broken, holds, noted, unknown
from .calls import (
    Calls,
    by,
    leftovers,
    number,
    outcome_of,
    same,
    sends,
    texts,
    told,
    undisturbed,
)

PROMPTLY = 1.0  # seconds, after the client has left
FAREWELL = 5.0  # seconds, after a cancellation
SENDS_IN_VAIN = 16  # that a loop may take to notice that nobody reads


@check("ASG-06", "call*")
def a_split_request_body_is_read_whole(calls: Calls) -> Outcome:
    split = by(calls, "split-2", "split-n")
    plain = by(calls, "plain")
    if not split or not plain:
        return unknown("there is no call with a split body")
    first = told(plain[0].exchange)
    for call in split:
        second = told(call.exchange)
        if (first is None) != (second is None) or (first and second and first[0] != second[0]):
            return broken(f"{outcome_of(call)}; {outcome_of(plain[0])}")
        if not same(call.exchange, plain[0].exchange):
            evidence = (
                f"{outcome_of(call)}: the response differs from that to the body in one piece"
            )
            return (
                broken(evidence) if _is_repeatable(calls) else unknown(f"{evidence}, as any does")
            )
    return holds("; ".join(map(outcome_of, (*split, plain[0]))))


@check("ASG-07", "call*")
def ends_soon_after_a_disconnect(calls: Calls) -> Outcome:
    struck = _struck(calls, "leave@")
    if not struck:
        return unknown("the application has ended each time before the client left")
    for call in struck:
        if fault := _fault_after(call, PROMPTLY, "the client left"):
            return _unless_hurried(call, fault)
        if left := leftovers(call, by(calls, "again")):
            return broken(f"{call.plan}: then there is still {'; '.join(left)}")
    slowest = max(map(_late, struck))
    return holds(f"the client left at {len(struck)} places; ended within {slowest:.3f} s")


@check("ASG-08", "call*")
def a_failing_send_is_survived(calls: Calls) -> Outcome:
    struck = _struck(calls, "fail@")
    if not struck:
        return unknown("no send was made to fail")
    notes: list[str] = []
    for call in struck:
        if fault := _fault_after(call, FAREWELL, "send failed"):
            return _unless_hurried(call, fault)
        in_vain = number(call, "late_sends") or 0
        if in_vain > SENDS_IN_VAIN:
            return broken(f"{call.plan}: {in_vain:.0f} more sends after the one that failed")
        if left := leftovers(call, by(calls, "again")):
            return broken(f"{call.plan}: then there is still {'; '.join(left)}")
        # "Applications may catch this exception and do cleanup work before re-raising it or
        # returning with no exception."
        if call.outcome == "raised" and call.facts.get("relation") == "other":
            return broken(f"{outcome_of(call)}: send had raised OSError")
        if call.outcome == "raised" and call.facts.get("relation") == "chained":
            # What comes of it is another exception, which no host expects; but it is its effect.
            notes.append(outcome_of(call))
        notes += _collected(call)
    ends = ", ".join(sorted({call.outcome for call in struck}))
    return noted("; ".join(notes[:3])) if notes else holds(f"{len(struck)} sends failed: {ends}")


@check("ASG-09", "call*")
def sends_one_at_a_time(calls: Calls) -> Outcome:
    judged = undisturbed(calls)
    for call in judged:
        if overlaps := texts(call, "overlaps"):
            return broken(f"{call.plan}: {'; '.join(overlaps[:3])}")
    slow = ", ".join(each.plan for each in by(calls, "slow", "stalled"))
    return holds(f"no two sends at once in {len(judged)} calls, of which were slow: {slow}")


@check("ASG-10", "call*")
def a_cancellation_leaves_nothing(calls: Calls) -> Outcome:
    struck = _struck(calls, "cancel@")
    if not struck:
        return unknown("the application has ended each time before it was cancelled")
    notes: list[str] = []
    for call in (*by(calls, "again"), *struck):
        if left := leftovers(call, ()):
            return broken(f"{call.plan}: then there is still {'; '.join(left)}")
        if (lingered := number(call, "lingered") or 0.0) > PROMPTLY:
            notes.append(f"{call.plan}: a task went on for {lingered:.1f} s, and ended")
        notes += _collected(call)
    for call in struck:
        if fault := _fault_after(call, FAREWELL, "it was cancelled"):
            return _unless_hurried(call, fault)
        if call.outcome == "raised":
            return broken(f"{outcome_of(call)}: it was cancelled")
        if call.outcome == "returned":
            notes.append(f"{outcome_of(call)}: the cancellation was swallowed")
    return noted("; ".join(notes[:3])) if notes else holds(f"cancelled at {len(struck)} places")


@check("ASG-11", "call*")
def optional_keys_are_optional(calls: Calls) -> Outcome:
    plain = by(calls, "plain")
    others = by(calls, "minimal", "http10")
    if not plain or not others or _is_failed(plain[0]):
        return unknown("; ".join(map(outcome_of, plain)) or "there is no plain call")
    for call in others:
        if _is_failed(call):
            return broken(f"{outcome_of(call)}; {outcome_of(plain[0])}")
    for call in by(calls, "unknown"):
        # "Applications should actively reject any protocol that they do not understand with an
        # Exception (of any type)."
        if call.outcome != "raised":
            said = ", ".join(message.type for message in sends(call)) or "nothing"
            return noted(f"a scope of unknown type: {call.outcome}, said {said}; should raise")
    return holds("; ".join(map(outcome_of, (*others, *by(calls, "unknown")))))


@check("ASG-12", "call*")
def is_called_again_and_leaves_its_arguments_alone(calls: Calls) -> Outcome:
    for call in calls:
        if changes := [*texts(call, "scope_changes"), *texts(call, "message_changes")]:
            return broken(f"{call.plan}: {'; '.join(changes[:3])}")
    plain = by(calls, "plain")
    more = by(calls, "again", "concurrent")
    if not plain or not more or _is_failed(plain[0]):
        return unknown("; ".join(map(outcome_of, plain)) or "there is no plain call")
    for call in more:
        if _is_failed(call):
            return broken(f"{outcome_of(call)}; {outcome_of(plain[0])}")
    for call in more:
        if not same(call.exchange, plain[0].exchange):
            return noted(f"{outcome_of(call)}: it says something else than the first")
    return holds(f"{len(more)} more calls say the same; scope and messages are as they were")


@check("ASG-15", "call*")
def events_come_in_one_order(calls: Calls) -> Outcome:
    plain = by(calls, "plain")
    others = by(calls, "slow", "stalled", "uvloop")
    if not plain or not others or not _is_repeatable(calls):
        return unknown("no two calls say the same, and so there is no order to compare")
    first = _identified(plain[0])
    if len(first) < 2:
        return unknown(f"{len(first)} events with an id of their own")
    for call in others:
        second = _identified(call)
        missing = Counter(first) - Counter(second)
        order = [event for event in second if event in first]
        expected = [event for event in first if event in second]
        if not missing and order != expected:
            ids = ", ".join(identifier for _, _, identifier in order[:8])
            return broken(f"{call.plan}: the same events, but in the order {ids}")
    # Who stalls for long may well be cut off, or skipped for some events.
    timely = [each for each in others if each.plan != "stalled"]
    differ = [call.plan for call in timely if not same(call.exchange, plain[0].exchange)]
    if differ:
        return noted(f"{', '.join(differ)}: other events than at full speed")
    return holds(f"the same {len(first)} events in: {', '.join(each.plan for each in others)}")


def _identified(call: Call) -> list[tuple[str, str, str]]:
    """The events that have an id which no other one has."""
    events: tuple[Event, ...] = call.exchange.stream.events if call.exchange is not None else ()
    counts = Counter(event.last_event_id for event in events)
    return [
        (event.type, event.data, event.last_event_id)
        for event in events
        if event.last_event_id and counts[event.last_event_id] == 1
    ]


def _is_repeatable(calls: Calls) -> bool:
    """Whether the same request has the same response each time."""
    first, *rest = by(calls, "plain", "again")
    return bool(rest) and all(same(first.exchange, each.exchange) for each in rest)


def _is_failed(call: Call) -> bool:
    """Whether it raises, or says that it failed."""
    head = call.exchange.head if call.exchange is not None else None
    return call.outcome == "raised" or head is None or head.status >= 500


def _struck(calls: Calls, plan: str) -> list[Call]:
    return [each for each in by(calls, plan) if number(each, "struck_at") is not None]


def _late(call: Call) -> float:
    return call.ended_at - (number(call, "struck_at") or 0.0)


def _fault_after(call: Call, seconds: float, what: str) -> str:
    when = f"{what} at {number(call, 'struck_at') or 0.0:.3f} s"
    if call.outcome == "hung":
        return f"{call.plan}: {when}, and {_late(call):.1f} s later it goes on"
    if _late(call) > seconds:
        return f"{call.plan}: {when}, and it ended {_late(call):.1f} s later"
    return ""


def _collected(call: Call) -> list[str]:
    """The generators that only the garbage collection has closed."""
    places = texts(call, "collected")
    return [f"{call.plan}: nobody closed the generator {each}" for each in places]


def _unless_hurried(call: Call, fault: str) -> Outcome:
    if call.facts.get("hurried"):
        return unknown(f"{fault}; but a thread was at work, in real time")
    return broken(fault)
