"""The event log that a URL names."""

from importlib import import_module
from typing import Literal
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from ..errors import UsageError
from .base import EventLog
from .memory import MemoryLog
from .sqlite import SQLiteLog

SYNCHRONOUS: dict[str, Literal["NORMAL", "FULL"]] = {"normal": "NORMAL", "full": "FULL"}


def open_log(url: str, *, keep_bytes: int = 8 << 20, retain: float = 3600.0) -> EventLog:
    """Make the log at `url`, which keeps so much of a run, for so many seconds after its last word.

    `memory:` is one process's own. `sqlite:///events.db` is a file in the working directory, and
    `sqlite:////var/lib/events.db` one anywhere, for all processes of a machine; with
    `?synchronous=full` it survives the loss of power. `redis://`, `rediss://` and `unix://` are
    for many machines. Raises `UsageError`; whether the store is there shows when it is used.
    """
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise UsageError("the URL of the event log cannot be read") from error
    match parts.scheme:  # no message tells more than that of the URL: it may have a password
        case "memory" if url == "memory:":
            return MemoryLog(keep_bytes)
        case "sqlite":
            return _sqlite(parts, keep_bytes, retain)
        case "redis" | "rediss" | "unix":
            return _redis(url, keep_bytes, retain)
        case scheme:
            raise UsageError(
                "an event log is memory:, sqlite:///file, redis://, rediss:// or unix://,"
                f" not {scheme or 'without a scheme'}:"
            )


def _sqlite(parts: SplitResult, keep_bytes: int, retain: float) -> EventLog:
    slash, path = parts.path[:1], unquote(parts.path[1:])
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    synchronous = SYNCHRONOUS.get(options.pop("synchronous", "normal").lower())
    if parts.netloc or parts.fragment or slash != "/" or not path or "\0" in path:
        raise UsageError("sqlite:///name is a file here, sqlite:////path/name one anywhere")
    if options or synchronous is None:
        raise UsageError("the only option of sqlite: is synchronous, which is normal or full")
    return SQLiteLog(path, keep_bytes=keep_bytes, retain=retain, synchronous=synchronous)


def _redis(url: str, keep_bytes: int, retain: float) -> EventLog:
    try:
        redis = import_module(".redis", __package__)
    except ImportError as error:  # it is an extra
        raise UsageError(
            "this event log takes a client of Redis: pip install 'asgi_agent[redis]'"
        ) from error
    log: EventLog = redis.RedisLog.from_url(url, keep_bytes=keep_bytes, retain=retain)
    return log
