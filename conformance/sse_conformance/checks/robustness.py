"""What becomes of requests that are no plain GET: RFC 9110, 9 and 15.5, RFC 9112, 3.2 and 9.

A hang is told from a slow answer by asking twice, and from a server that has no time for anybody
by asking for the stream besides: the driver records none where that was not answered either.
"""

from ..options import Options
from ..registry import check
from ..transcript import Exchange, Head
from ..verdict import Outcome, broken, holds, noted, unknown
from .seen import answer, essence, is_stream, items

Exchanges = tuple[Exchange, ...]
PROMPTLY = 2.0  # seconds
MANY = 100  # streams


def hang(exchanges: Exchanges) -> Outcome | None:
    """What is to be said if there was no answer: each time."""
    if all(each.head is None and each.end == "timeout" for each in exchanges):
        return broken("; ".join(answer(each) for each in exchanges))
    return None


@check("ROB-01", "head*", "get")
def head_is_answered_without_a_body(
    exchanges: Exchanges, get: Exchange, *, options: Options
) -> Outcome:
    exchange = exchanges[0]
    head = exchange.head
    if head is None:
        return hang(exchanges) or unknown(answer(exchange))
    if fault := _fault_of_head(exchange, head, PROMPTLY * options.time_scale):
        return broken(f"{answer(exchange)}{fault}")
    if head.status == 200 and get.head is not None and essence(get.head) != essence(head):
        # "The server SHOULD send the same header fields in response to a HEAD request as it would
        # have sent if the request method had been GET." (the same)
        return noted(f"{head.line('content-type')}; to GET, {get.head.line('content-type')}")
    return holds(f"{answer(exchange)}, {head.line('content-type')}")


def _fault_of_head(exchange: Exchange, head: Head, seconds: float) -> str:
    # "The HEAD method is identical to GET except that the server MUST NOT send content in the
    # response." (RFC 9110, 9.3.2)
    if content := exchange.content + exchange.trailing:
        return f", and then {len(content)} bytes: {content[:40]!r}"
    if exchange.end == "timeout":
        return f", and then it did not end in {exchange.ended_at:.1f} s"
    if head.at > seconds:
        return f": {seconds:g} s are enough"
    if head.status == 405 and head.value("allow") is None:
        return ", without Allow"
    return ""


@check("ROB-02", "head", "get")
def head_is_supported(exchange: Exchange, get: Exchange) -> Outcome:
    # "All general-purpose servers MUST support the methods GET and HEAD." (RFC 9110, 9.1); whether
    # a stream's server is one is disputed.
    if exchange.head is None or not is_stream(get):
        return unknown(f"{answer(exchange)}; {answer(get)}")
    evidence = answer(exchange)
    return broken(evidence) if exchange.head.status in (404, 405, 501) else holds(evidence)


@check("ROB-03", "put")
def refused_methods_are_told_the_allowed_ones(exchange: Exchange) -> Outcome:
    head = exchange.head
    if head is None:
        return unknown(answer(exchange))
    evidence = f"{answer(exchange)}, {head.line('allow')}"
    # "The origin server MUST generate an Allow header field in a 405 response containing a list of
    # the target resource's currently supported methods." (RFC 9110, 15.5.6)
    if head.status == 405:
        is_told = head.value("allow") is not None
        if is_told and exchange.request.method.lower() in items(head, "allow"):
            return broken(f"{evidence}: what is refused is allowed")
        return holds(evidence) if is_told else broken(evidence)
    if head.status < 400 or head.status == 412:
        return unknown(f"the method seems to be supported: {evidence}")
    return noted(f"{evidence}: 405 tells a client more")


@check("ROB-04", "unknown_method*")
def unknown_methods_are_refused(exchanges: Exchanges) -> Outcome:
    head = exchanges[0].head
    evidence = answer(exchanges[0])
    if head is None:
        return hang(exchanges) or noted(evidence)
    # "An origin server that receives a request method that is unrecognized or not implemented
    # SHOULD respond with the 501 (Not Implemented) status code." (RFC 9110, 9.1)
    if head.status < 400:
        return broken(evidence)
    return holds(evidence) if head.status < 500 or head.status == 501 else noted(evidence)


@check("ROB-05", "options*")
def options_starts_no_stream(exchanges: Exchanges) -> Outcome:
    exchange = exchanges[0]
    evidence = answer(exchange)
    if exchange.head is None:
        return hang(exchanges) or noted(evidence)
    if is_stream(exchange):
        return broken(f"{evidence}: a stream")
    if exchange.end == "timeout":
        return broken(f"{evidence}, and then it did not end in {exchange.ended_at:.1f} s")
    return holds(evidence)


@check("ROB-06", "accept_image")
def what_is_not_acceptable_is_not_faked(exchange: Exchange) -> Outcome:
    if exchange.head is None:
        return unknown(answer(exchange))
    evidence = f"Accept: image/png: {answer(exchange)}"
    # "A user agent cannot rely on proactive negotiation preferences being consistently honored"
    # (RFC 9110, 12.1): the stream all the same, or 406, is as it should be.
    is_other = exchange.head.status == 200 and not is_stream(exchange)
    return broken(evidence) if is_other else holds(evidence)


@check("ROB-07", "get", "accept_missing*", "accept_any*", "accept_list*")
def every_accept_that_allows_it_works(
    get: Exchange, missing: Exchanges, anything: Exchanges, listed: Exchanges
) -> Outcome:
    if not is_stream(get):
        return unknown(answer(get))
    asked = {"no Accept": missing, "Accept: */*": anything, "Accept: a list": listed}
    for name, exchanges in asked.items():
        evidence = f"{name}: {answer(exchanges[0])}"
        if found := hang(exchanges):
            return found
        if exchanges[0].head is not None and not is_stream(exchanges[0]):
            return broken(evidence)
    return holds("; ".join(f"{name}: {answer(each[0])}" for name, each in asked.items()))


@check("ROB-09", "half_closed*", "get")
def a_half_closed_client_is_served_or_left(exchanges: Exchanges, get: Exchange) -> Outcome:
    if not is_stream(get):
        return unknown(answer(get))
    evidence = f"our side was closed after the request; {answer(exchanges[0])}"
    return hang(exchanges) or holds(evidence)


@check("ROB-13", "no_host", "two_hosts")
def one_host_is_wanted(without: Exchange, twice: Exchange) -> Outcome:
    # "A server MUST respond with a 400 (Bad Request) status code to any HTTP/1.1 request message
    # that lacks a Host header field and to any request message that contains more than one Host
    # header field line or a Host header field with an invalid field value." (RFC 9112, 3.2)
    evidence = f"no Host: {answer(without)}; two Hosts: {answer(twice)}"
    statuses = [each.status for each in (without, twice) if each.head is not None]
    if any(status < 400 for status in statuses):
        return broken(evidence)
    return holds(evidence) if statuses == [400, 400] else noted(evidence)


@check("ROB-14", "kept_alive*")
def the_connection_can_be_used_again(exchanges: Exchanges) -> Outcome:
    first, *rest = exchanges
    if first.head is None or first.end != "complete":
        return unknown(f"the stream did not end by its own framing: {answer(first)}")
    connection = first.head.line("connection")
    if first.head.http == "1.0" or "close" in items(first.head, "connection"):
        return holds(f"HTTP/{first.head.http}, {connection}: no other request is expected")
    if not rest:
        return unknown("there was no time for another request")
    evidence = f"{connection}; the next request on the connection: {answer(rest[0])}"
    # "A server that does not support persistent connections MUST send the "close" connection
    # option in every response message that does not have a 1xx (Informational) status code."
    # (RFC 9112, 9.3)
    return broken(evidence) if rest[0].head is None else holds(evidence)


@check("ROB-15", "crowd*", "after_crowd")
def many_may_read_at_once(crowd: Exchanges, one_more: Exchange) -> Outcome:
    answered = [each.head for each in crowd if each.head is not None]
    evidence = f"{len(answered)} of {len(crowd)} streams were open at once"
    if len(answered) < len(crowd):
        failed = next(each for each in crowd if each.head is None)
        return broken(f"{evidence}; then: {answer(failed)}")
    evidence = f"{evidence}; one more: {answer(one_more)}"
    if len(crowd) < MANY and one_more.head is not None:
        return unknown(f"there was no time for {MANY}: {evidence}")
    return broken(evidence) if one_more.head is None else holds(evidence)
