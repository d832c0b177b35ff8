"""What a deployment can set, in one frozen place; checked when it is made."""

from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

from .errors import UsageError

MIB = 1 << 20


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
        if isinstance(self.cors_origins, str):
            raise UsageError(f"cors_origins is a list of origins: {self.cors_origins!r}")
        for name in _POSITIVE:
            value = getattr(self, name)
            if value is not None and not value > 0:  # nor is NaN
                raise UsageError(f"{name} is more than 0: {value!r}")
        for name in ("drain_seconds", "retry_ms"):
            value = getattr(self, name)
            if value is not None and not value >= 0:
                raise UsageError(f"{name} is not less than 0: {value!r}")
        grace = self.on_disconnect
        if not (grace in ("continue", "cancel") if isinstance(grace, str) else grace >= 0):
            raise UsageError(f"on_disconnect is 'continue', 'cancel' or seconds: {grace!r}")

    def get_stream_url(self, session_id: str) -> str:
        """The path of the session's event stream, without the prefix of a mount."""
        return f"/stream/{quote(session_id, safe='')}"


_POSITIVE = (
    *("session_timeout_seconds", "max_concurrent_sessions", "max_idle_sessions"),
    *("max_run_seconds", "heartbeat_seconds", "ping_seconds", "max_body_bytes"),
    *("max_message_bytes", "max_history_bytes"),
    *("lead_bytes", "keep_bytes", "max_run_bytes", "patience", "max_streams"),
)
