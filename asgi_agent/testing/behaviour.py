"""How the other side behaves: the client, and the host program between it and the application.

Every field is something that a real client or host does.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..errors import UsageError


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What a client and a host do to one connection. By default they are quick and well-bred.

    Even so, `send()` suspends only when the window is full, as with every real host.
    """

    # The client
    window: int | None = 65_536
    """How many bytes may be unread before `send()` waits until the client reads; None: any."""
    disconnect_after: int | None = None
    """The client leaves at that many bodies or WebSocket messages; 0: when the response starts."""

    # The host's send()
    send_blocks: bool = True
    """False: `send()` never suspends, whatever the client reads (daphne)."""
    send_never_wakes: bool = False
    """A `send()` that waits for a client is not woken when the client leaves (gunicorn)."""
    send_error: Exception | type[Exception] | None = None
    """What `send()` raises when the client has left; None: it ignores the message."""
    send_error_at: int | None = None
    """The client is found to have left at this message; 1 is the one that starts the response."""
    flush_on_body: bool = False
    """The status and headers wait for the first body that is not empty (gunicorn; daphne: any)."""

    # The host's receive()
    disconnect_overtakes: bool = False
    """What was not received when the client left is lost (uvicorn, gunicorn)."""
    receive_hangs_after_disconnect: bool = False
    """A `receive()` after the disconnect never returns (hypercorn, daphne)."""
    false_disconnect_after_cancel: bool = False
    """After a cancelled `receive()` the next one reports a disconnect (gunicorn)."""
    both_keys: bool = False
    """`websocket.receive` has `text` and `bytes`, and one of them is None (hypercorn)."""

    # The host's scope
    lifespan: bool = True
    """False: there are no lifespan and no `state` (daphne; and most ways to mount an app)."""
    minimal_scope: bool = False
    """Only the keys `type`, `path`, `headers`, and for HTTP `method`."""
    scope: Mapping[str, object] = field(default_factory=dict[str, object], hash=False)
    """Keys that differ, or that are added."""

    def __post_init__(self) -> None:
        if self.window is not None and self.window < 0:
            raise UsageError(f"a window is not negative: {self.window}")
        if self.send_error_at is not None and self.send_error is None:
            raise UsageError("send_error_at says when; send_error is to say what")


HOSTS: Mapping[str, Behaviour] = {  # measured in 2026-11: an application is to work on all
    "uvicorn": Behaviour(disconnect_overtakes=True),
    "hypercorn": Behaviour(receive_hangs_after_disconnect=True, both_keys=True),
    "daphne": Behaviour(
        send_blocks=False, flush_on_body=True, receive_hangs_after_disconnect=True, lifespan=False
    ),
    "granian": Behaviour(scope={"client": ("127.0.0.1", "50000"), "server": ("127.0.0.1", "8000")}),
    "gunicorn": Behaviour(
        send_never_wakes=True,
        flush_on_body=True,
        disconnect_overtakes=True,
        false_disconnect_after_cancel=True,
    ),
    "spec 2.4": Behaviour(
        send_error=OSError, scope={"asgi": {"version": "3.0", "spec_version": "2.4"}}
    ),
}
