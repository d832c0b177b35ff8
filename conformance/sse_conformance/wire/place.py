"""Where a URL leads, and how a request for it is written: RFC 9110, 4 and RFC 9112, 3."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Literal, TypeAlias
from urllib.parse import urlsplit

from .. import __version__
from ..transcript import Fields, Request

DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
Pairs: TypeAlias = Iterable[tuple[str | bytes, str | bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A URL, taken apart."""

    scheme: str
    host: str  # an IPv6 address has no brackets here
    port: int
    target: str  # origin-form: what stands in the request line

    @property
    def is_secure(self) -> bool:
        return self.scheme in ("https", "wss")

    @property
    def authority(self) -> str:
        """What a Host field says: without the port where it is the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether this machine is meant, so that nobody else is troubled."""
        if self.host == "localhost" or self.host.endswith(".localhost"):  # RFC 6761, 6.3
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False


def place_of(url: str) -> Place:
    """Take a URL apart. Raises `ValueError` if it is none that we could ask."""
    parts = urlsplit(url)
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        raise ValueError(f"a URL to check begins with http:// or https:// and a host: {url!r}")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not target.isascii() or any(character <= " " or character == "\x7f" for character in target):
        raise ValueError(f"what is not visible ASCII is percent-encoded in a URL: {url!r}")
    port = parts.port or DEFAULT_PORTS[parts.scheme]
    host = parts.hostname.encode("idna").decode()
    return Place(scheme=parts.scheme, host=host, port=port, target=target)


def ask(
    url: str,
    *,
    method: str = "GET",
    fields: Pairs = (),
    without: Collection[str] = (),
    content: bytes = b"",
    http: Literal["1.0", "1.1"] = "1.1",
) -> Request:
    """A request as an EventSource makes it, but for what is said otherwise.

    `fields` take the place of those that we would send under the same name, all of them; `without`
    names, in lower case, those that are left out. Text is sent as UTF-8, as WHATWG HTML 9.2.4
    wants it of Last-Event-ID.
    """
    place = place_of(url)
    own: Fields = (
        (b"Host", place.authority.encode()),
        (b"User-Agent", f"sse-conformance/{__version__}".encode()),
        (b"Accept", b"text/event-stream"),
        (b"Cache-Control", b"no-cache"),
        # "If no Accept-Encoding header field is in the request, any content coding is considered
        # acceptable" (RFC 9110, 12.5.3), and so compression would be nobody's fault.
        (b"Accept-Encoding", b"identity"),
    )
    if content or method in ("POST", "PUT", "PATCH"):
        own += ((b"Content-Length", str(len(content)).encode()),)
    sent = replaced(own, fields, without)
    return Request(method=method, target=place.target, fields=sent, content=content, http=http)


def replaced(usual: Pairs, special: Pairs, without: Collection[str] = ()) -> Fields:
    """The usual fields, but those of the same names as special ones; then the special ones.

    `without` names, in lower case, more that are left out.
    """
    given = tuple((_bytes(name), _bytes(value)) for name, value in special)
    left_out = {name.lower() for name, _ in given} | {name.encode() for name in without}
    own = ((_bytes(name), _bytes(value)) for name, value in usual)
    return (*(field for field in own if field[0].lower() not in left_out), *given)


def with_query(url: str, query: str) -> str:
    """The URL with this in its query, behind what is there."""
    return f"{url}{'&' if '?' in url else '?'}{query}"


def written(request: Request) -> bytes:
    """The request as it goes over the wire: to the letter what is asked, also if it is wrong."""
    lines = [f"{request.method} {request.target} HTTP/{request.http}".encode()]
    lines += [name + b": " + value for name, value in request.fields]
    return b"\r\n".join([*lines, b"", b""]) + request.content


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode()
