"""How the stream is carried: RFC 9110, RFC 9111, RFC 9112, and WHATWG HTML 9.2.3."""

import re
from collections.abc import Callable, Iterable
from email.utils import parsedate_to_datetime
from typing import TypeAlias

from ..emission import traits_of
from ..registry import check
from ..transcript import Emitted, Exchange, Head
from ..verdict import Outcome, broken, holds, noted, unknown, worst
from ..wire.response import heads_of
from .seen import answer, emitted_streams, essence, is_stream, items

OfHead: TypeAlias = Callable[[Head], Outcome]
OfExchange: TypeAlias = Callable[[Exchange], Outcome]
NO_STREAM = unknown("no script was answered with a stream")

# "field-name = token" (RFC 9110, 5.1)
TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
# "parameter-name = token", "parameter-value = ( token / quoted-string )" (RFC 9110, 5.6.6)
PARAMETER = re.compile(r"""\s*;\s*(?:([^\s=;"]+)=("(?:[^"\\]|\\.)*"|[^\s;"]*))?""")
# "IMF-fixdate = day-name "," SP date1 SP time-of-day SP GMT" (RFC 9110, 5.6.7)
IMF_FIXDATE = re.compile(
    "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), [0-9]{2} "
    "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT"
)


def of_streams(identifier: str) -> Callable[[OfExchange], OfExchange]:
    """Register a check of one stream: of the one that is watched, and of all that are emitted."""

    def register(function: OfExchange) -> OfExchange:
        def of_emitted(emitted: tuple[Emitted, ...]) -> Outcome:
            return worst([*map(function, emitted_streams(emitted)), NO_STREAM])

        check(identifier, "get")(function)
        check(identifier, "emitted*")(of_emitted)
        return function

    return register


def of_heads(identifier: str) -> Callable[[OfHead], OfHead]:
    """The same, where the head says all."""

    def register(function: OfHead) -> OfHead:
        def of_exchange(exchange: Exchange) -> Outcome:
            return unknown(answer(exchange)) if exchange.head is None else function(exchange.head)

        of_streams(identifier)(of_exchange)
        return function

    return register


@of_heads("HTTP-01")
def status_is_200(head: Head) -> Outcome:
    evidence = f"status {head.status}"
    # "If res's status is not 200, or if res's `Content-Type` is not `text/event-stream`, then fail
    # the connection." (WHATWG HTML 9.2.3)
    return holds(evidence) if head.status == 200 else broken(evidence)


@of_heads("HTTP-02")
def is_an_event_stream(head: Head) -> Outcome:
    count = len(head.values("content-type"))
    evidence = head.line("content-type")
    if count > 1:
        return broken(f"{count} fields: {evidence}")
    return holds(evidence) if essence(head) == "text/event-stream" else broken(evidence)


@of_heads("HTTP-03")
def charset_is_utf_8(head: Head) -> Outcome:
    evidence = head.line("content-type")
    _, semicolon, rest = (head.value("content-type") or "").partition(";")
    parameters = PARAMETER.findall(semicolon + rest)
    charsets = [value.strip('"').lower() for name, value in parameters if name.lower() == "charset"]
    # "The charset parameter may be provided. The parameter's value must be "utf-8"." (the
    # registration of text/event-stream, in WHATWG HTML)
    return holds(evidence) if set(charsets) <= {"utf-8"} else broken(evidence)


@of_heads("HTTP-04")
def is_not_cached(head: Head) -> Outcome:
    evidence = head.line("cache-control")
    directives = items(head, "cache-control")
    # `no-cache="set-cookie"` speaks of that field only (RFC 9111, 5.2.2.4).
    if "no-store" in directives or "no-cache" in directives:
        return holds(evidence)
    if "max-age=0" in directives or head.value("expires") is not None:
        return noted(f"{evidence}, {head.line('expires')}: it is stale at once, but may be stored")
    return broken(evidence)


@of_heads("HTTP-05")
def has_one_length(head: Head) -> Outcome:
    evidence = f"{head.line('transfer-encoding')}, {head.line('content-length')}"
    # "A sender MUST NOT send a Content-Length header field in any message that contains a
    # Transfer-Encoding header field." (RFC 9112, 6.2)
    both = head.values("transfer-encoding") and head.values("content-length")
    return broken(evidence) if both else holds(evidence)


@of_streams("HTTP-06")
def has_no_length(exchange: Exchange) -> Outcome:
    if exchange.head is None or not is_stream(exchange):
        return unknown(answer(exchange))
    evidence = exchange.head.line("content-length")
    if exchange.head.value("content-length") is None:
        return holds(evidence)
    if exchange.end == "complete":
        return noted(f"{evidence}: the stream is finite, and was known before it began")
    had = f"{len(exchange.content)} bytes came in {exchange.ended_at:.1f} s"
    return broken(f"{evidence}; {had}, and then: {exchange.end}")


@of_streams("HTTP-07")
def framing_is_valid(exchange: Exchange) -> Outcome:
    if exchange.head is None:
        return unknown(answer(exchange))
    evidence = f"{exchange.head.line('transfer-encoding')}, {len(exchange.content)} bytes of body"
    if exchange.end == "left" and exchange.fault:
        return broken(exchange.fault)
    if exchange.trailing:
        return broken(f"after the end of the body: {exchange.trailing[:40]!r}")
    return holds(evidence)


@check("HTTP-08", "get_http10")
def http_1_0_gets_no_chunks(exchange: Exchange) -> Outcome:
    if exchange.head is None:
        return unknown(answer(exchange))
    evidence = f"to HTTP/1.0: {exchange.head.line('transfer-encoding')}"
    # "A server MUST NOT send a response containing Transfer-Encoding unless the corresponding
    # request indicates HTTP/1.1 (or later minor revisions)." (RFC 9112, 6.1)
    is_coded = exchange.head.value("transfer-encoding") is not None
    return broken(evidence) if is_coded else holds(evidence)


@check("HTTP-09", "get")
def end_can_be_told(exchange: Exchange) -> Outcome:
    head = exchange.head
    if head is None or not is_stream(exchange):
        return unknown(answer(exchange))
    evidence = f"{exchange.end} after {exchange.ended_at:.1f} s and {len(exchange.content)} bytes"
    if exchange.end == "complete":
        return holds(evidence)
    if exchange.end not in ("closed", "reset"):
        return unknown(f"the stream did not end while we watched: {evidence}")
    if head.http == "1.0":
        return noted(f"HTTP/1.0, which has no chunks: {evidence}")
    # "Since there is no way to distinguish a successfully completed, close-delimited response
    # message from a partially received message interrupted by network failure, a server SHOULD
    # generate encoding or length-delimited messages whenever possible." (RFC 9112, 6.3)
    return broken(f"{head.line('transfer-encoding')}; {evidence}, without a last chunk")


@check("HTTP-09", "emitted*")
def emitted_streams_end_well(emitted: tuple[Emitted, ...]) -> Outcome:
    whole = tuple(each for each in emitted if not _breaks_off(each))
    return worst([*map(end_can_be_told, emitted_streams(whole)), NO_STREAM])


def _breaks_off(emitted: Emitted) -> bool:
    """Whether the script asks for an end that is none, or is about something else that may fail."""
    is_told = any("raise" in operation or "close" in operation for operation in emitted.script)
    return is_told or bool(traits_of(emitted.script))


@of_heads("HTTP-10")
def date_is_sent_once(head: Head) -> Outcome:
    dates = head.values("date")
    evidence = head.line("date")
    # "An origin server with a clock MUST generate a Date header field in all 2xx (Successful), 3xx
    # (Redirection), and 4xx (Client Error) responses" (RFC 9110, 6.6.1)
    if head.status >= 500:
        return unknown(f"status {head.status}")
    if len(dates) != 1:
        return broken(f"{len(dates)} Date fields: {evidence}")
    return holds(evidence) if _is_date(dates[0]) else broken(f"not an IMF-fixdate: {evidence}")


def _is_date(value: str) -> bool:
    if IMF_FIXDATE.fullmatch(value) is None:
        return False
    try:
        parsedate_to_datetime(value)
    except ValueError:  # the 32nd of January
        return False
    return True


@of_streams("HTTP-11")
def fields_are_well_formed(exchange: Exchange) -> Outcome:
    if exchange.head is None:
        return unknown(answer(exchange))
    raw = heads_of(b"".join(piece.data for piece in exchange.received))
    # "Field values containing CR, LF, or NUL characters are invalid and dangerous" (RFC 9110, 5.5);
    # a bare one in the head is where lenient readers see another line, or none.
    if bare := re.search(rb"\r(?!\n)|(?<!\r)\n|\0", raw):
        shown = raw[max(bare.start() - 20, 0) : bare.end() + 20]
        return broken(f"a bare {bare[0]!r} at byte {bare.start()} of the response: {shown!r}")
    for index, (name, value) in enumerate(exchange.head.fields):
        if TOKEN.fullmatch(name) is None:
            return broken(f"field {index}: the name {name!r} is no token")
        if re.search(rb"[\r\n\0]", value):
            return broken(f"field {index}, {name!r}: {value!r}")
    return holds(f"{len(exchange.head.fields)} fields")


@of_streams("HTTP-12")
def is_not_compressed_unasked(exchange: Exchange) -> Outcome:
    if exchange.head is None:
        return unknown(answer(exchange))
    asked = [value for name, value in exchange.request.fields if name.lower() == b"accept-encoding"]
    evidence = exchange.head.line("content-encoding")
    if asked != [b"identity"]:
        return unknown(f"Accept-Encoding: {asked!r}, {evidence}")
    is_plain = set(items(exchange.head, "content-encoding")) <= {"identity"}
    evidence = f"Accept-Encoding: identity, and {evidence}"
    return holds(evidence) if is_plain else broken(evidence)


@of_heads("HTTP-14")
def buffering_is_declined(head: Head) -> Outcome:
    evidence = f"{head.line('cache-control')}, {head.line('x-accel-buffering')}"
    is_declined = (head.value("x-accel-buffering") or "").strip().lower() == "no"
    is_declined = is_declined or "no-transform" in items(head, "cache-control")
    return holds(evidence) if is_declined else broken(evidence)


@check("HTTP-15", "get_http2")
def http_2_gets_no_connection_fields(exchange: Exchange) -> Outcome:
    if exchange.head is None:
        return unknown(answer(exchange))
    # "An endpoint MUST NOT generate an HTTP/2 message containing connection-specific header
    # fields." (RFC 9113, 8.2.2)
    names = ("connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade")
    found = [exchange.head.line(name) for name in names if exchange.head.value(name) is not None]
    return broken(", ".join(found)) if found else holds(f"{len(exchange.head.fields)} fields")


@of_heads("HTTP-16")
def type_is_not_sniffed(head: Head) -> Outcome:
    evidence = head.line("x-content-type-options")
    is_told = (head.value("x-content-type-options") or "").strip().lower() == "nosniff"
    return holds(evidence) if is_told else broken(evidence)


def no_content_is_none(exchanges: Iterable[Exchange]) -> Outcome:
    """All 204 among these."""
    empty = [each for each in exchanges if each.status == 204]
    for exchange in empty:
        found = _content_of_204(exchange)
        if found:
            return broken(f"{answer(exchange)}: {found}")
    return holds(answer(empty[0])) if empty else unknown("nothing was answered with 204")


def _content_of_204(exchange: Exchange) -> str:
    # "A server MUST NOT send a Content-Length header field in any response with a status code of
    # 1xx (Informational) or 204 (No Content)." (RFC 9110, 8.6); the same of Transfer-Encoding in
    # RFC 9112, 6.1
    head = exchange.head
    names = ("content-length", "transfer-encoding")
    found = [head.line(name) for name in names if head is not None and head.value(name) is not None]
    content = exchange.content + exchange.trailing
    return ", ".join([*found, *([f"{len(content)} bytes of body"] if content else [])])


@check("HTTP-17", "options")
def options_with_204_is_empty(exchange: Exchange) -> Outcome:
    return no_content_is_none([exchange])


@check("HTTP-17", "reconnect*")
def reconnection_with_204_is_empty(exchanges: tuple[Exchange, ...]) -> Outcome:
    return no_content_is_none(exchanges)
