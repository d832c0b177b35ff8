"""What a reconnection meets, as far as it is seen from outside: WHATWG HTML 9.2.1 to 9.2.6."""

from ..registry import check
from ..sse.interpretation import is_time
from ..transcript import Exchange
from ..verdict import Outcome, broken, holds, noted, unknown, unstable
from .seen import answer, is_stream

HOUR = 3_600_000  # milliseconds


@check("REC-04", "hostile_id*")
def no_event_id_is_too_much(exchanges: tuple[Exchange, ...]) -> Outcome:
    answers: dict[str, list[Exchange]] = {}
    for exchange in exchanges:
        answers.setdefault(_last_event_id(exchange), []).append(exchange)
    for identifier, tries in answers.items():
        failed = [each for each in tries if _is_failure(each)]
        evidence = f"Last-Event-ID: {identifier}: {answer(tries[0])}"
        if failed:
            return broken(evidence) if len(failed) == len(tries) else unstable(evidence)
    statuses = {str(each.head.status) if each.head else each.end for each in exchanges}
    return holds(f"{len(answers)} strange event IDs: {', '.join(sorted(statuses))}")


def _last_event_id(exchange: Exchange) -> str:
    names = {name.lower(): value for name, value in exchange.request.fields}
    value = names.get(b"last-event-id", b"")
    return repr(value[:40]) + (f" ({len(value)} bytes)" if len(value) > 40 else "")


def _is_failure(exchange: Exchange) -> bool:
    if exchange.head is None:
        return exchange.end == "timeout"
    # 503 speaks of the server's capacity, and 501 and 505 of what it never claimed to know.
    return exchange.head.status >= 500 and exchange.head.status not in (501, 503, 505)


@check("REC-08", "get")
def retry_is_sane(exchange: Exchange) -> Outcome:
    if not is_stream(exchange):
        return unknown(answer(exchange))
    fields = [line for line in exchange.stream.lines if line.name == b"retry"]
    valid = [line for line in fields if is_time(line.value)]
    if not valid:
        return unknown("no reconnection time is set")
    for line in valid:
        digits = line.value.lstrip(b"0")
        if not digits or len(digits) > 15 or int(digits) > HOUR:
            return broken(f"at byte {line.offset}: {line.content[:40]!r}")
    count = len(exchange.stream.events)
    evidence = f"retry is set {len(valid)} times in {count} events"
    if count >= 3 and len(valid) >= count:
        return broken(f"{evidence}; first at byte {valid[0].offset}: {valid[0].content!r}")
    return holds(evidence)


@check("REC-12", "redirect*", "get")
def redirects_keep_the_method(exchanges: tuple[Exchange, ...], get: Exchange) -> Outcome:
    heads = [each.head for each in exchanges if each.head is not None]
    shown = ", ".join(f"{head.status} {head.line('location')}" for head in heads)
    evidence = f"{shown}; then {answer(get)}"
    if any(head.status in (302, 303) for head in heads):
        return broken(evidence)
    return holds(evidence) if is_stream(get) else noted(evidence)
