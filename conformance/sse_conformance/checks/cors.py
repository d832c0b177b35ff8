"""Who may read the stream from a page of another origin: Fetch, 3.2 to 3.2.5.

A server is asked to let an origin read only if that origin was named to us; what endangers its
users is looked for in any case.
"""

from ..options import Options
from ..registry import check
from ..transcript import Exchange, Head
from ..verdict import Outcome, broken, holds, noted, unknown
from .seen import answer, is_stream, items

ORIGIN = "access-control-allow-origin"
CREDENTIALS = "access-control-allow-credentials"
HEADERS = "access-control-allow-headers"
NO_CLAIM = "no origin was named that may read the stream"


def _origin(exchange: Exchange) -> str:
    """The origin that the request came from."""
    values = [value for name, value in exchange.request.fields if name.lower() == b"origin"]
    return values[0].decode() if values else ""


def _is_shared(exchange: Exchange, head: Head) -> bool:
    """The CORS check (Fetch, 4.10), as far as it speaks of the origin."""
    # More than one field is a list here, and equal to no origin.
    return head.value(ORIGIN) in ("*", _origin(exchange))


@check("COR-01", "origin_get", "origin_error*")
def the_origin_may_read(
    exchange: Exchange, errors: tuple[Exchange, ...], *, options: Options
) -> Outcome:
    head = exchange.head
    if options.origin is None:
        return unknown(NO_CLAIM)
    if head is None:
        return unknown(answer(exchange))
    evidence = f"to Origin: {_origin(exchange)}: {head.status}, {head.line(ORIGIN)}"
    if not _is_shared(exchange, head):
        return broken(evidence)
    for error in errors:
        if error.head is not None and not _is_shared(error, error.head):
            return noted(f"{evidence}; but {answer(error)}, {error.head.line(ORIGIN)}")
    return holds(evidence)


@check("COR-02", "origin_get", "preflight_get*")
def credentials_are_not_for_everyone(
    exchange: Exchange, preflights: tuple[Exchange, ...]
) -> Outcome:
    heads = [each.head for each in (exchange, *preflights) if each.head is not None]
    with_credentials = [head for head in heads if head.value(CREDENTIALS) is not None]
    for head in with_credentials:
        evidence = f"{head.line(ORIGIN)}, {head.line(CREDENTIALS)}"
        # "If credentials is `true`, then return success." (Fetch, 4.10); case matters
        if head.value(ORIGIN) == "*" or head.value(CREDENTIALS) != "true":
            return broken(evidence)
    if not with_credentials:
        return unknown(f"no {CREDENTIALS}: no credentials are allowed")
    return holds(f"{with_credentials[0].line(ORIGIN)}, {with_credentials[0].line(CREDENTIALS)}")


@check("COR-03", "origin_get", "foreign_get")
def caches_are_told_of_the_origin(exchange: Exchange, foreign: Exchange) -> Outcome:
    if exchange.head is None or foreign.head is None:
        return unknown(f"{answer(exchange)}; {answer(foreign)}")
    values = (exchange.head.value(ORIGIN), foreign.head.value(ORIGIN))
    evidence = f"{_origin(exchange)}: {values[0]!r}, {_origin(foreign)}: {values[1]!r}"
    if values[0] == values[1]:
        return holds(f"{ORIGIN} does not depend on the origin: {evidence}")
    for head in (exchange.head, foreign.head):
        if not {"origin", "*"} & set(items(head, "vary")):
            return broken(f"{evidence}; {head.line('vary')}")
    return holds(f"{evidence}; {exchange.head.line('vary')}")


@check("COR-04", "preflight_get")
def a_reconnection_passes_the_preflight(exchange: Exchange, *, options: Options) -> Outcome:
    if options.origin is None:
        return unknown(NO_CLAIM)
    return _preflight(exchange, "last-event-id")


@check("COR-05", "preflight_post", "put*")
def a_post_passes_the_preflight(
    exchange: Exchange, others: tuple[Exchange, ...], *, options: Options
) -> Outcome:
    if options.origin is None:
        return unknown(NO_CLAIM)
    if is_stream(exchange):
        return broken(f"{answer(exchange)}: the preflight itself was answered with a stream")
    methods = {method for each in others if each.head for method in items(each.head, "allow")}
    if "post" not in methods:
        return unknown(f"it is not known to take POST: Allow: {', '.join(sorted(methods))}")
    return _preflight(exchange, "content-type")


def _preflight(exchange: Exchange, wanted: str) -> Outcome:
    """CORS-preflight fetch (Fetch, 4.8), for one header that is not safelisted."""
    head = exchange.head
    if head is None:
        return broken(f"{answer(exchange)}: the preflight fails")
    evidence = f"{answer(exchange)}, {head.line(ORIGIN)}, {head.line(HEADERS)}"
    # "An ok status is a status in the range 200 to 299, inclusive."
    if not 200 <= head.status <= 299 or not _is_shared(exchange, head):
        return broken(evidence)
    # "`*` ... counts as a wildcard" only "for requests without credentials", as ours is.
    return holds(evidence) if {wanted, "*"} & set(items(head, HEADERS)) else broken(evidence)


@check("COR-06", "foreign_get")
def strangers_are_not_let_in(exchange: Exchange) -> Outcome:
    head = exchange.head
    if head is None:
        return unknown(answer(exchange))
    evidence = f"to Origin: {_origin(exchange)}: {head.line(ORIGIN)}, {head.line(CREDENTIALS)}"
    if head.value(ORIGIN) != _origin(exchange):
        return holds(evidence)
    if head.value(CREDENTIALS) == "true":
        return broken(f"{evidence}: any page reads it in the name of its visitors")
    return noted(f"{evidence}: any page may read it, without credentials")
