"""What a producer does when its source fails, when its client leaves, and with nonsense."""

import re
from typing import TypeAlias

from ..emission import is_whole
from ..registry import check
from ..transcript import Emitted, Exchange, Observation
from ..verdict import Outcome, broken, holds, unknown
from .samples import came, streams, unasked

Samples: TypeAlias = tuple[Emitted, ...]

# What no user of a stream needs to know: where the program stands on its machine, and in itself.
TRACE = re.compile(
    r"""Traceback \s \(most \s recent \s call \s last\)
    |File \s "[^"]+", \s line \s \d+
    |\bat \s [^\n]{0,200}? [^\s()]+\.[cm]?[jt]sx?:\d+:\d+  # JavaScript
    |\bat \s [\w.$<>]+\([\w.]+:\d+\)                # Java
    |\bgoroutine \s \d+ \s \[
    |(?:/(?:home|usr|opt|srv|var|root|Users)/|[A-Z]:\\)[\w.\\/-]+\.(?:py|[cm]?js|ts|go|java|rb|php|rs)\b
    """,
    re.VERBOSE,
)


@check("ROB-08", "left*")
def a_client_that_leaves_is_noticed(left: tuple[Observation, ...]) -> Outcome:
    told: list[str] = []
    for each in left:
        before, during, after = (each.facts[name] for name in ("before", "during", "after"))
        time = each.facts["seconds"]
        evidence = f"{each.what}: open streams {before:g}, then {during:g}"
        evidence += f", and {after:g} when the client had left {time:.2f} s ago"
        if before < 0 or during <= before:
            return unknown(f"the stream was not counted: {evidence}")
        if after > before:
            return broken(evidence)
        told.append(evidence)
    return holds("; ".join(told))


@check("ROB-10", "bad_input*")
def nonsense_is_refused(exchanges: tuple[Exchange, ...]) -> Outcome:
    if all(exchange.head is None and exchange.end != "timeout" for exchange in exchanges):
        return unknown(came(exchanges[0]))
    for exchange in exchanges:
        content = exchange.request.content
        evidence = f"{len(content)} bytes, {content[:40]!r}: {came(exchange)}"
        if exchange.head is None:
            # Whoever does not read a long request to its end may close the connection on it.
            if exchange.end == "timeout":
                return broken(evidence)
        elif not 400 <= exchange.head.status < 500:
            return broken(evidence)
    return holds(f"{len(exchanges)} requests that are no scripts were answered with 4xx")


@check("ROB-11", "raised*")
def a_failure_is_no_end(emitted: Samples) -> Outcome:
    found = streams(emitted)
    told: list[str] = []
    for each in found:
        others = unasked(each)
        end = f"the stream's end: {each.exchange.end}"
        if others:
            told.append(f"at byte {others[0].offset} an event of the type {others[0].type!r}")
        elif not is_whole(each.exchange):
            told.append(end)
        else:
            return broken(f"the source has failed; {came(each.exchange)}; {end}, and no word of it")
    if not found:
        return unknown(f"no stream was begun: {came(emitted[0].exchange)}")
    return holds("the source has failed: " + "; ".join(told))


@check("ROB-12", "raised*")
def a_failure_tells_no_secrets(emitted: Samples) -> Outcome:
    for each in emitted:
        text = each.exchange.content.decode("utf-8", "replace")
        if found := TRACE.search(text):
            return broken(f"in what the client gets: {found[0][:80]!r}")
    sizes = [len(each.exchange.content) for each in emitted]
    return holds(f"nothing of the kind in responses of {sizes} bytes")


@check("ROB-16", "shutdown*")
def a_server_ends_its_streams(emitted: Samples) -> Outcome:
    found = streams(emitted)
    if not found:
        return unknown(came(emitted[0].exchange))
    for each in found:
        exchange = each.exchange
        evidence = f"SIGTERM: {exchange.end} after {exchange.ended_at:.1f} s"
        if exchange.end == "timeout":
            return broken(f"{evidence}, and still open")
        blocks = exchange.stream.blocks
        if blocks and not blocks[-1].is_ended:
            return broken(f"{evidence}, in the midst of the block at byte {blocks[-1].offset}")
    ends = [f"{each.exchange.end} after {each.exchange.ended_at:.1f} s" for each in found]
    return holds(f"SIGTERM: {', '.join(ends)}; all blocks are whole")
