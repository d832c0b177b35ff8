"""The page at `/`, on which a person tries the agent, and the JavaScript client that it is made of.

The files are served as they stand here: there is no build step, and nothing comes from elsewhere.
"""

from functools import cache
from importlib.resources import files
from typing import Protocol
from urllib.parse import quote

from ..asgi import ASGIApp, Headers, Response, Scope

__all__ = ["FILES", "file", "page"]

PAGE = "page.html"
JAVASCRIPT = b"text/javascript; charset=utf-8"  # RFC 9239, 6: not application/javascript
FILES = {
    "client.js": JAVASCRIPT,
    "icon.svg": b"image/svg+xml",
    "page.css": b"text/css; charset=utf-8",
    "page.js": JAVASCRIPT,
    "view.js": JAVASCRIPT,
}

# What an agent says is put into the page as text. Were it ever taken for markup, the browser
# would run none of it; nor may another site show the page in a frame, and have its buttons clicked.
POLICY = (
    b"default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    b"require-trusted-types-for 'script'"
)


class Asked(Protocol):
    """A request, as far as we look at it."""

    @property
    def scope(self) -> Scope: ...


async def page(request: Asked) -> ASGIApp:
    """GET /: the page."""
    path = _seen(request.scope)
    if path and not path.endswith("/"):
        # RFC 3986, 5.2.3: what follows the last "/" is no part of what a relative reference is
        # added to. The page at `/mount` would look for its files beside the mount.
        name = path.rpartition("/")[2]
        return Response(b"", 307, _headers((b"location", f"./{name}/".encode("latin-1"))))
    content_type = (b"content-type", b"text/html; charset=utf-8")
    return Response(_read(PAGE), 200, _headers(content_type, (b"content-security-policy", POLICY)))


async def file(request: Asked, name: str) -> ASGIApp:
    """GET /client.js, and what else the page consists of: one of `FILES`."""
    return Response(_read(name), 200, _headers((b"content-type", FILES[name])))


def _headers(*headers: tuple[bytes, bytes]) -> Headers:
    return [*headers, (b"cache-control", b"no-cache"), (b"x-content-type-options", b"nosniff")]


def _seen(scope: Scope) -> str:
    """The path as it stands in the URL, if the host tells it."""
    raw: bytes = scope.get("raw_path") or b""
    return raw.partition(b"?")[0].decode("latin-1") or quote(scope["path"])


@cache
def _read(name: str) -> bytes:
    return files(__name__).joinpath(name).read_bytes()
