"""What is asked of an unknown server: each request once, and none that could change anything."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from ..options import Options
from ..transcript import Request
from ..wire.http1 import StopAfter
from ..wire.place import ask, replaced

Fields: TypeAlias = Sequence[tuple[str, str | bytes]]

ORIGIN = "https://a.example"  # where none was named
FOREIGN_ORIGIN = "https://evil.example"
HOSTILE_IDS: tuple[str | bytes, ...] = (
    *("", "no-such-event", "-1", "0x10", "1e999", "NaN", "99999999999999999999999999"),
    *(
        "../../etc/passwd",
        "' OR '1'='1",
        "%00%0d%0a",
        "{}",
        "\N{GRINNING FACE} \u2028",
        "x" * 65536,
    ),
    *(b"\xff\xfe", b"\x01\x7f"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """One exchange to record."""

    name: str
    request: Request
    stop_after: StopAfter | None = None  # None: at its end, for it should have one soon
    half_close: bool = False
    may_be_empty: bool = False  # the response may have no body, by its nature: let us see


def has_head(_: bytearray) -> bool:
    """To stop as soon as the head has come, which is when this is asked first."""
    return True


def asked(url: str, options: Options, fields: Fields = (), method: str = "GET") -> Request:
    """A request with the fields that the user wants in all of them, but for these."""
    return ask(url, method=method, fields=replaced(options.headers, fields))


def errands(url: str, options: Options) -> Iterator[Errand]:
    """All that is asked besides the stream itself."""
    yield from _other_methods(url, options)
    yield from _other_requests(url, options)
    yield from _other_origins(url, options)
    for identifier in HOSTILE_IDS:
        request = asked(url, options, [("Last-Event-ID", identifier)])
        yield Errand(name="hostile_id", request=request, stop_after=has_head)


def _other_methods(url: str, options: Options) -> Iterator[Errand]:
    for name, method in (("head", "HEAD"), ("options", "OPTIONS")):
        yield Errand(name=name, request=asked(url, options, method=method), may_be_empty=True)
    yield Errand(name="unknown_method", request=asked(url, options, method="FROBNICATE"))
    yield Errand(name="put", request=_put(url, options))


def _put(url: str, options: Options, fields: Fields = ()) -> Request:
    # "An origin server that evaluates an If-Match condition MUST NOT perform the requested method
    # if the condition evaluates to false" (RFC 9110, 13.1.1): nothing has this entity tag.
    harmless = (("If-Match", '"sse-conformance"'), *fields)
    return asked(url, options, harmless, "PUT")


def _other_requests(url: str, options: Options) -> Iterator[Errand]:
    get = asked(url, options)
    (host,) = (field for field in get.fields if field[0].lower() == b"host")
    requests = {
        "get_http10": Request(target=get.target, fields=get.fields, http="1.0"),
        "no_host": _without(b"host", get),
        "two_hosts": Request(target=get.target, fields=(host, *get.fields)),
        "accept_missing": _without(b"accept", get),
        "accept_any": asked(url, options, [("Accept", "*/*")]),
        "accept_list": asked(url, options, [("Accept", "text/html, text/event-stream;q=0.5")]),
        "accept_json": asked(url, options, [("Accept", "application/json")]),
        "accept_image": asked(url, options, [("Accept", "image/png")]),
    }
    for name, request in requests.items():
        yield Errand(name=name, request=request, stop_after=has_head)
    yield Errand(name="half_closed", request=get, stop_after=has_head, half_close=True)


def _without(name: bytes, request: Request) -> Request:
    kept = tuple(field for field in request.fields if field[0].lower() != name)
    return Request(target=request.target, fields=kept)


def _other_origins(url: str, options: Options) -> Iterator[Errand]:
    origin = ("Origin", options.origin or ORIGIN)
    get = asked(url, options, [origin])
    foreign = asked(url, options, [("Origin", FOREIGN_ORIGIN)])
    yield Errand(name="origin_get", request=get, stop_after=has_head)
    yield Errand(name="foreign_get", request=foreign, stop_after=has_head)
    yield Errand(name="origin_error", request=_put(url, options, [origin]))
    for name, method, header in (
        ("preflight_get", "GET", "last-event-id"),
        ("preflight_post", "POST", "content-type"),
    ):
        fields = [
            origin,
            ("Accept", "*/*"),
            ("Access-Control-Request-Method", method),
            ("Access-Control-Request-Headers", header),
        ]
        yield Errand(name=name, request=asked(url, options, fields, "OPTIONS"))
