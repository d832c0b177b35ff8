"""Where a request goes: the path below the mount, in segments, and the prefix above it.

Host programs and frameworks disagree about who strips the prefix of a mount, and `path` has lost
the difference between `/` and `%2F`. `raw_path`, where there is one, has kept it.
https://asgi.readthedocs.io/en/latest/specs/www.html#http-connection-scope
"""

import re
from typing import NamedTuple
from urllib.parse import unquote

from .types import Scope

ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#]*", re.IGNORECASE)


class Place(NamedTuple):
    """A request's path, as seen from inside the application, and from outside it."""

    segments: list[str]  # decoded, without empty ones at the ends
    prefix: str  # what a client has to put before our paths, as it stands in a URL


def locate(scope: Scope) -> Place:
    """The place of the request, under any mount."""
    root: str = (scope.get("root_path") or "").rstrip("/")
    # Starlette adds its mounts to `root_path`, but not to a `path` whose root a proxy has stripped.
    mounts = root.removeprefix((scope.get("app_root_path") or "").rstrip("/"))
    path = _below(_path_of(scope["path"]), root, mounts)
    raw = _path_of((scope.get("raw_path") or b"").partition(b"?")[0].decode("latin-1"))
    parts = raw.split("/")[1:] if raw.startswith("/") else []
    mounted = _mounted(parts, path)
    if mounted is None:
        return Place(_split(path), root)
    prefix = _joined(root, "".join(f"/{part}" for part in parts[:mounted]))
    return Place([unquote(part) for part in _split("/".join(parts[mounted:]))], prefix)


def _path_of(target: str) -> str:
    """The path of a request target, which some hosts hand on as they got it.

    RFC 9112, 3.2.2: "a server MUST accept the absolute-form in requests", http://example.org/ask.
    """
    origin = None if target.startswith("/") else ORIGIN.match(target)
    return target if origin is None else target[origin.end() :]


def _split(path: str) -> list[str]:
    stripped = path.strip("/")
    return stripped.split("/") if stripped else []


def _below(path: str, *mounts: str) -> str:
    for mount in mounts:
        if f"{path}/".startswith(f"{mount}/"):
            return path[len(mount) :]
    return path


def _mounted(parts: list[str], path: str) -> int | None:
    """How many parts of the raw path lie above `path`, which may have won or lost a last slash."""
    decoded = [unquote(part) for part in parts]
    left = sum(len(part) + 1 for part in decoded)
    for index, part in enumerate([*decoded, ""]):
        # Only what is as long is compared: a client may send 30,000 parts that match nowhere.
        if abs(left - len(path)) <= 1:
            rest = "".join(f"/{each}" for each in decoded[index:])
            if path in (rest, f"{rest}/") or rest == f"{path}/":
                return index
        left -= len(part) + 1
    return None


def _joined(root: str, above: str) -> str:
    """The whole prefix: `root_path` and what lies above us in the raw path often overlap."""
    taken = unquote(above)
    if f"{taken}/".startswith(f"{root}/"):
        return above
    return root.removesuffix(taken) + above
