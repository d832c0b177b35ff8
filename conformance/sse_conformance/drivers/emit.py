"""The emit driver: it tells a producer what to emit, and records what comes.

It drives only what is on this machine, unless the user says that the server is his own.
"""

import json
from collections.abc import Collection
from dataclasses import replace
from time import perf_counter

from ..checks.emissions import PER_EMISSION
from ..checks.seen import is_stream
from ..emission import Emission
from ..examples import PLAIN
from ..measure import HELD_SECONDS, asked_sleep
from ..options import Options
from ..script import Capabilities, Form, capabilities_of, request_for
from ..transcript import Emitted, Exchange, Operations, Record, Request, Subject
from ..verdict import Outcome, unknown
from ..wire.http1 import Connection, record
from ..wire.place import ask, place_of, written
from .check import Progress, check, quiet
from .emit_plans import record_quietly, record_shutdown, recording_silence
from .generating import Search
from .producing import Producer

ANSWER_SECONDS = 5.0
LONGEST = 90.0  # seconds, and those for examples: then nothing more is begun
FAST_BUDGET = 5.0  # seconds, of generated examples


def emit(
    url: str,
    options: Options | None = None,
    progress: Progress = quiet,
    only: Collection[str] | None = None,
) -> Record:
    """Record what the producer at this URL makes of scripts, thought of and generated.

    With `only` these requirements, nothing is recorded that none of them needs. If the producer
    does not keep the emit contract, "capabilities" says so, and there is little more. Raises
    `ValueError` if the URL is none, or not on this machine and not said to be the user's own.
    """
    options = options or Options()
    if not (options.own_target or place_of(url).is_loopback):
        raise ValueError(f"{url} is not on this machine: say that it is yours, or leave it alone")
    recorded = Record(Subject(target=url, mode="emit", options=options))
    progress("asking what it can emit")
    producer = _meet(url, options, recorded)
    if producer is None:
        return recorded
    held = HELD_SECONDS if options.slow else 0.0
    seconds = producer.patience(LONGEST + held) + _budget(options)
    producer = replace(producer, until=perf_counter() + seconds)
    # What it says that it can do, it has to do well.
    claims = replace(options, claims=options.claims | producer.about.capabilities)
    recorded.subject = replace(recorded.subject, options=claims)
    _look_around(producer, recorded, progress)
    if only is not None and PER_EMISSION.keys() >= set(only):
        _search(producer, recorded, progress, only)
        return recorded
    record_quietly(producer, recorded, progress)
    with recording_silence(producer, recorded):
        _search(producer, recorded, progress, only)
    record_shutdown(producer, recorded)
    return recorded


def again(requirement: str, url: str, text: str, options: Options | None = None) -> Outcome:
    """What becomes of this requirement if the script with this JSON is emitted once more."""
    options = options or Options()
    about = capabilities_of(_ask_about(url, options)) or Capabilities(conformance=1)
    script: Operations = tuple(json.loads(text)["events"])
    form, _ = _first_plain(url, options)
    line = Line(Producer(url=url, options=options, about=about, form=form))
    emitted = line.emit(script)
    line.close()
    if emitted is None:
        return unknown(f"{url} cannot be reached")
    return PER_EMISSION[requirement](Emission(emitted, about.data == "json"))


# ── what there is ───────────────────────────────────────────────────────────────────────────


def _meet(url: str, options: Options, recorded: Record) -> Producer | None:
    """Find out what the producer says of itself, and how it takes scripts; None if it does not."""
    answer = _ask_about(url, options)
    recorded.add("capabilities", answer)
    about = capabilities_of(answer)
    form, plain = _first_plain(url, options)
    if about is None or not is_stream(plain):
        recorded.add("get", plain)
        return None
    return Producer(url=url, options=options, about=about, form=form)


def _ask_about(url: str, options: Options) -> Exchange:
    request = ask(url, fields=(("Accept", "application/json"), *options.headers))
    return record(url, request, seconds=ANSWER_SECONDS * options.time_scale)


def _first_plain(url: str, options: Options) -> tuple[Form, Exchange]:
    """How the producer takes scripts, for some take no POST; and what it makes of a plain one."""
    posted = _emit_plain(url, options, "POST")
    if not is_stream(posted):
        got = _emit_plain(url, options, "GET")
        if is_stream(got):
            return "GET", got
    return "POST", posted


def _emit_plain(url: str, options: Options, form: Form) -> Exchange:
    request = request_for(url, PLAIN, form=form, fields=options.headers)
    return record(url, request, seconds=ANSWER_SECONDS * options.time_scale)


def _look_around(producer: Producer, recorded: Record, progress: Progress) -> None:
    """Record what the passive checks need: a script in the URL makes it one of any stream."""
    plain = _emit_plain(producer.url, producer.options, "GET")
    if not is_stream(plain):
        recorded.add("get", _emit_plain(producer.url, producer.options, producer.form))
        return
    url = place_of(producer.url)
    target = f"{url.scheme}://{url.authority}{plain.request.target}"
    for entry in check(target, replace(producer.options, fast=True), progress):
        recorded.add(entry.name, entry.item)


# ── what it makes of scripts ────────────────────────────────────────────────────────────────


def _search(
    producer: Producer, recorded: Record, progress: Progress, only: Collection[str] | None
) -> None:
    options = producer.options
    line = Line(producer)
    search = Search(
        emit=line.emit,
        able=producer.about.capabilities,
        is_json=producer.about.data == "json",
        until=producer.until,
        derandomize=options.derandomize,
        only=only,
    )
    search.look_for_all(_budget(options), progress)
    line.close()
    for emitted in search.kept:
        recorded.add("emitted", emitted)


def _budget(options: Options) -> float:
    return min(options.budget, FAST_BUDGET) if options.fast else options.budget


class Line:
    """One connection after the other to a producer, each kept as long as it may be."""

    def __init__(self, producer: Producer) -> None:
        self._producer = producer
        self._connection: Connection | None = None

    def close(self) -> None:
        """Close the connection, if one is open."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def emit(self, script: Operations) -> Emitted | None:
        """Have this script emitted; None if nobody is there."""
        request = self._producer.request(script)
        seconds = self._producer.patience(ANSWER_SECONDS) + asked_sleep(script)
        was_open = self._connection is not None
        exchange = self._exchange(request, seconds)
        if was_open and (exchange is None or (exchange.head is None and exchange.end != "timeout")):
            # It was closed while it was idle, or while we wrote: that is no answer to the script.
            exchange = self._exchange(request, seconds)
        return None if exchange is None else Emitted(script=script, exchange=exchange)

    def _exchange(self, request: Request, seconds: float) -> Exchange | None:
        if self._connection is None:
            try:
                self._connection = Connection(self._producer.url, seconds=seconds)
            except OSError:
                return None
        self._connection.send(written(request), seconds=seconds)
        self._connection.acknowledge_at_once()
        exchange = self._connection.receive(request, seconds=seconds)
        if not _stays(exchange):
            self.close()
        return exchange


def _stays(exchange: Exchange) -> bool:
    """Whether another request may follow on the connection: RFC 9112, 9.3."""
    head = exchange.head
    if head is None or exchange.end != "complete" or exchange.trailing:
        return False
    return head.http == "1.1" and "close" not in (head.value("connection") or "").lower()
