"""Where a request goes: the path below the mount, in segments, and the prefix above it.

Host programs and frameworks disagree about who strips the prefix of a mount, and `path` has lost
the difference between `/` and `%2F`. `raw_path`, where there is one, has kept it.
https://asgi.readthedocs.io/en/latest/specs/www.html#http-connection-scope
"""

from typing import NamedTuple
from urllib.parse import unquote

from .types import Scope


class Place(NamedTuple):
    """A request's path, as seen from inside the application, and from outside it."""

    segments: list[str]  # decoded, without empty ones at the ends
    prefix: str  # what a client has to put before our paths, as it stands in a URL


def locate(scope: Scope) -> Place:
    """The place of the request, under any mount."""
    root: str = scope.get("root_path") or ""
    path: str = scope["path"]
    if root and (path == root or path.startswith(f"{root}/")):
        path = path[len(root) :]
    raw: bytes = scope.get("raw_path") or b""
    parts = _split(raw.partition(b"?")[0].decode("latin-1"))
    for index in range(len(parts) + 1 if raw else 0):
        below = parts[index:]
        if unquote("/".join(below)).strip("/") == path.strip("/"):
            above = "".join(f"/{part}" for part in parts[:index])
            return Place([unquote(part) for part in below], above or root)
    return Place(_split(path), root)


def _split(path: str) -> list[str]:
    stripped = path.strip("/")
    return stripped.split("/") if stripped else []
