"""Scripts after which the producer has to remember something, or to forget it.

https://html.spec.whatwg.org/multipage/server-sent-events.html#the-last-event-id-header
"""

import json
import os
import signal
from base64 import urlsafe_b64encode
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from time import perf_counter, sleep
from uuid import uuid4

from ..options import Options
from ..transcript import Emitted, Observation, Operation, Record, Request
from ..wire import http1
from ..wire.http1 import Connection
from ..wire.place import ask, with_query, written
from .producing import Producer, Script, all_at_once, emit, event, has_events, pause

LEAVING_SECONDS = 2.0  # so long may a producer work on for a client that has left
POLL_SECONDS = 0.05
GRACE_SECONDS = 10.0  # so long may a server take to end
IDENTIFIED = tuple(event(f"event {number}", f"id-{number}") for number in range(1, 7))
# What a header can carry: RFC 9110, 5.5, and WHATWG HTML 9.2.4 for how. No server may take it for
# a number, a path or a piece of SQL, decode it, or mend it.
OPAQUE_IDS = (
    *("0", "007", "1e3", "-1", "100%25", "a b", "a+b", "a,b;c=d", 'say "x"', "é", "日本 😀"),
    *("../../x", "' OR 1=1", "{}", "a:b", "null", "<b>&amp;", "%s%n", "x" * 1024),
)
LONG_RUN = 1500  # events: more than a bounded buffer holds
LONGEST_IN_URL = 4096  # bytes of a script
BAD_INPUTS = (
    b"",
    b"{",
    b'{"v": 1, "events": [{"data": "x"}',
    b"\xff\xfe",
    b"null",
    b"[]",
    b'"text"',
    b'{"v": 1}',
    b'{"v": 1, "events": "text"}',
    b'{"v": 1, "events": {"data": "x"}}',
    b'{"v": 1, "events": [1]}',
    b'{"v": 1, "events": [null]}',
    b"[" * 100_000,
    b"a" * 10 * 1024 * 1024,
)


def record_cuts(producer: Producer, record: Record) -> None:
    """Add "uncut", and for each place "cut", and "resumed": how it goes on after the cut there."""
    script = _slowly(producer, IDENTIFIED)
    request = producer.request(script, run=_name())
    record.add("uncut", emit(producer, script, request=request))
    for place in range(1, len(IDENTIFIED) + 1):
        name = _name()
        request = producer.request(script, run=name)
        cut = emit(producer, script, request=request, stop_after=has_events(place))
        record.add("cut", cut)
        record.add("resumed", _resume(producer, script, name, cut.exchange.stream.last_event_id))


def record_identifiers(producer: Producer, record: Record) -> None:
    """Add "opaque": how a run of two events goes on after the first, which has an odd ID."""
    for identifier in OPAQUE_IDS:
        script = [event("before", identifier), event("after")]
        name = _name()
        began = emit(producer, script, request=producer.request(script, run=name))
        if began.exchange.status == 200:
            record.add("opaque", _resume(producer, script, name, identifier))


def record_finished(producer: Producer, record: Record) -> None:
    """Add "finished": a client comes back who has all there is; and "runs": how often it ran."""
    name = _name()
    counts = [stats(producer)]
    emit(producer, IDENTIFIED, request=producer.request(IDENTIFIED, run=name))
    counts.append(stats(producer))
    finished = _resume(producer, IDENTIFIED, name, "id-6")
    record.add("finished", finished)
    record.add("reconnect", finished.exchange)  # it is one, and may be a 204
    _resume(producer, IDENTIFIED, name, "id-3")
    counts.append(stats(producer))
    if all(counts):
        before, between, after = (each["runs"] for each in counts)
        facts = {"before": before, "between": between, "after": after}
        record.add("runs", Observation(what="runs", facts=facts))


def record_gap(producer: Producer, record: Record) -> None:
    """Add "gap": a client comes back to a long run of which it has only the first event."""
    script = [event(str(number), str(number)) for number in range(1, LONG_RUN + 1)]
    name = _name()
    emit(producer, script, request=producer.request(script, run=name))
    # The run is known by its name: the script would be too long for a URL.
    resumed = _resume(producer, [], name, "1")
    record.add("gap", Emitted(script=tuple(script), exchange=resumed.exchange))


def record_readers(producer: Producer, record: Record) -> None:
    """Add "reader": two clients read one run at the same time."""
    script = _slowly(producer, IDENTIFIED)
    request = producer.request(script, run=_name())
    for emitted in all_at_once([partial(emit, producer, script, request=request)] * 2):
        record.add("reader", emitted)


def record_stranger(producer: Producer, record: Record) -> None:
    """Add "stranger": somebody without our credentials comes back to our run."""
    name = _name()
    secret = [event("secret 1", "1"), event("secret 2", "2")]
    emit(producer, secret, request=producer.request(secret, run=name))
    fields = [("Authorization", "Bearer stranger"), ("Cookie", ""), ("Last-Event-ID", "1")]
    request = producer.request([], run=name, fields=fields, form="GET")
    exchange = emit(producer, [], request=request).exchange
    record.add("stranger", Emitted(script=tuple(secret), exchange=exchange))


def record_overload(producer: Producer, record: Record) -> None:
    """Add "overload": the producer is told that it has too much to do."""
    record.add("overload", emit(producer, [{"overload": True}]))


def record_failures(producer: Producer, record: Record) -> None:
    """Add "raised": the source of the stream fails, at once and after an event."""
    failure: Operation = {"raise": True}
    for script in ([event("before"), failure], [failure]):
        record.add("raised", emit(producer, script))


def record_bad_inputs(producer: Producer, record: Record) -> None:
    """Add "bad_input": what is no script at all."""
    for content in BAD_INPUTS:
        if producer.is_late:
            return
        if producer.form == "GET" and not 0 < len(content) <= LONGEST_IN_URL:
            continue
        request = _raw(producer, content)
        exchange = http1.record(producer.url, request, seconds=producer.patience(10.0))
        record.add("bad_input", exchange)


def record_leaving(producer: Producer, record: Record) -> None:
    """Add "left": clients leave, idle and busy streams, and the producer counts what is open."""
    idle = [event("first"), pause(60.0)]
    busy = [event("more"), pause(0.01)] * 2000
    for what, script in (("idle", idle), ("busy", busy)):
        for is_reset in (False, True):
            how = "reset" if is_reset else "closed"
            facts = _left(producer, script, is_reset=is_reset)
            record.add("left", Observation(what=f"{what}, {how}", facts=facts))


def record_shutdown(producer: Producer, record: Record) -> None:
    """Add "shutdown": the server is told to end while streams are open. It is gone afterwards."""
    script = [event("first"), pause(60.0)]
    works = [partial(emit, producer, script, seconds=producer.patience(GRACE_SECONDS))] * 3
    with ThreadPoolExecutor() as threads:
        streams = [threads.submit(work) for work in works]
        sleep(producer.patience(1.0))  # until all are open
        os.kill(producer.options.pid or 0, signal.SIGTERM)
        for stream in streams:
            record.add("shutdown", stream.result())


def has_credentials(options: Options) -> bool:
    """Whether the user has told us on whose behalf we ask."""
    names = {name.lower() for name, _ in options.headers}
    return not names.isdisjoint({"authorization", "cookie"})


def stats(producer: Producer) -> dict[str, float]:
    """What the producer says that is open, and that was begun; nothing if it does not say."""
    url = with_query(producer.url, "stats=1")
    exchange = http1.record(url, ask(url, fields=producer.fields))
    try:
        counts = json.loads(exchange.content)
        return {name: float(counts[name]) for name in ("open", "runs")}
    except (ValueError, KeyError, TypeError):
        return {}


def _name() -> str:
    return uuid4().hex


def _raw(producer: Producer, content: bytes) -> Request:
    if producer.form == "POST":
        fields = [*producer.fields, ("Content-Type", "application/json")]
        return ask(producer.url, method="POST", content=content, fields=fields)
    query = "script=" + urlsafe_b64encode(content).decode()
    return ask(with_query(producer.url, query), fields=producer.fields)


def _slowly(producer: Producer, script: Script) -> Script:
    """The same with pauses, if the producer can make them: so a cut is in the midst of the run."""
    if not producer.can("sleep"):
        return script
    return [each for operation in script for each in (operation, pause(0.02))]


def _resume(producer: Producer, script: Script, name: str, last_event_id: str) -> Emitted:
    """What comes to a client who has the run up to this event."""
    fields = [("Last-Event-ID", last_event_id)]
    request = producer.request(script, run=name, fields=fields, form="GET")
    return emit(producer, script, request=request)


def _left(producer: Producer, script: Script, *, is_reset: bool) -> dict[str, float]:
    """How many streams are open before a client comes, while it is there, and how long after."""
    facts = {"before": _open(producer)}
    request = producer.request(script)
    with Connection(producer.url) as connection:
        connection.send(written(request))
        connection.receive(request, stop_after=has_events(1))
        facts["during"] = _open(producer)
        if is_reset:
            connection.reset()
    left_at = perf_counter()
    while True:
        facts["after"], facts["seconds"] = _open(producer), perf_counter() - left_at
        late = facts["seconds"] > producer.patience(LEAVING_SECONDS)
        if late or facts["after"] <= facts["before"]:
            return facts
        sleep(POLL_SECONDS)


def _open(producer: Producer) -> float:
    return stats(producer).get("open", -1.0)
