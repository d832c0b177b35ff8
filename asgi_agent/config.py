"""What a deployment can set, in one frozen place; checked when it is made."""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeGuard
from urllib.parse import quote

from .errors import UsageError

MIB = 1 << 20
LONGEST_RETRY = 2**53 - 1  # as `sse` has it, which this floor does not know

# What a browser sends as the origin of a page, or `*`: RFC 6454, 6.2 leaves out the default port.
ORIGIN = re.compile(
    r"\*|null|(?!(?:http|ws)://.*:80$|(?:https|wss)://.*:443$)"
    r"[a-z][a-z0-9+.-]*://(?:\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::[0-9]+)?"
)
PREFIX = re.compile(r"(?:https?://[^/?#\s]+)?(?:/[^/?#\s]+)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfig:
    """The settings of one server. Times are in seconds, sizes in bytes."""

    host: str = "0.0.0.0"  # noqa: S104 - what a server in a container has to do; serve says so
    port: int = 8000
    name: str | None = None  # what /health calls the agent; None: the agent's own name
    cors_origins: tuple[str, ...] | list[str] = ("*",)  # () for none
    public_prefix: str | None = None  # before stream URLs; None: where the app is mounted

    session_timeout_seconds: float = 3600.0  # of idleness
    max_concurrent_sessions: int = 100  # with an active run
    max_idle_sessions: int = 10_000  # beyond it the least recently used goes
    on_disconnect: Literal["continue", "cancel"] | float = "continue"  # a number: after so long
    drain_seconds: float = 10.0  # what runs get to finish when the server shuts down
    max_run_seconds: float | None = None
    lease_seconds: float = 10.0  # on a shared log: after so long a worker that is lost is replaced

    heartbeat_seconds: float = 4.0  # of silence in an event stream: some clients give up at 5
    ping_seconds: float = 15.0  # of silence on a WebSocket
    retry_ms: int | None = 1000  # the reconnection time that event streams tell; None: none

    max_body_bytes: int = MIB
    max_message_bytes: int = MIB
    max_history_bytes: int = 4 * MIB  # that a session remembers; the oldest messages go first
    lead_bytes: int = MIB  # how far a run may be ahead of a follower
    keep_bytes: int = 8 * MIB  # of each run in the memory log; the oldest entries go first
    max_run_bytes: int | None = None
    patience: float = 30.0  # for a client that does not read
    max_streams: int | None = None  # event streams and WebSockets at once

    def __post_init__(self) -> None:
        for name in (*_COUNTS, *_TIMES):
            value = getattr(self, name)
            if value is not None or name not in _MAY_BE_OFF:
                _check_number(name, value)
        for name in ("patience", "lease_seconds"):
            if getattr(self, name) == math.inf:
                raise UsageError(f"{name} is not for ever: {math.inf}")
        if self.retry_ms is not None and self.retry_ms > LONGEST_RETRY:
            raise UsageError(f"retry_ms is at most {LONGEST_RETRY}: {self.retry_ms!r}")
        _check_grace(self.on_disconnect)
        _check_origins(self.cors_origins)
        if self.public_prefix is not None and not _is(PREFIX, self.public_prefix):
            raise UsageError(
                f"public_prefix is a path or a URL without a last slash: {self.public_prefix!r}"
            )

    def get_stream_url(self, session_id: str) -> str:
        """The path of the session's event stream, without the prefix of a mount."""
        return f"/stream/{quote(session_id, safe='')}"


_COUNTS = (
    *("max_concurrent_sessions", "max_idle_sessions", "max_streams", "retry_ms"),
    *("max_body_bytes", "max_message_bytes", "max_history_bytes", "max_run_bytes"),
    *("lead_bytes", "keep_bytes"),
)
_TIMES = (
    *("session_timeout_seconds", "drain_seconds", "max_run_seconds"),
    *("heartbeat_seconds", "ping_seconds", "patience", "lease_seconds"),
)
_MAY_BE_ZERO = ("drain_seconds", "retry_ms")
_MAY_BE_OFF = ("max_run_seconds", "max_run_bytes", "max_streams", "retry_ms")


def _check_number(name: str, value: object) -> None:
    if not _is_number(value):
        raise UsageError(f"{name} is a number: {value!r}")
    if name in _MAY_BE_ZERO and not value >= 0:  # nor is NaN
        raise UsageError(f"{name} is not less than 0: {value!r}")
    if name not in _MAY_BE_ZERO and not value > 0:
        raise UsageError(f"{name} is more than 0: {value!r}")
    if name in _COUNTS and not isinstance(value, int):
        raise UsageError(f"{name} is a whole number: {value!r}")


def _check_grace(grace: object) -> None:
    if grace not in ("continue", "cancel") and not (_is_number(grace) and grace >= 0):
        raise UsageError(f"on_disconnect is 'continue', 'cancel' or seconds: {grace!r}")


def _check_origins(origins: Iterable[object]) -> None:
    if not isinstance(origins, (list, tuple)) or not all(isinstance(each, str) for each in origins):
        raise UsageError(f"cors_origins is a list of origins: {origins!r}")
    for origin in origins:
        if not _is(ORIGIN, origin):
            raise UsageError(
                "an origin is a scheme, a host and a port that is not the scheme's own, in lower "
                f"case and without a path (https://example.org), or 'null', or '*': {origin!r}"
            )


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is(form: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and form.fullmatch(value) is not None
