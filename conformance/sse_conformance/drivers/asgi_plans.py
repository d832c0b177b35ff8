"""How a host can behave toward an application: the calls that are made of it, one after another."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any
from urllib.parse import unquote

from ..transcript import Call, Request
from ..wire.asgi import Given, Plan, Scope, Stimulus

MOST = 6  # places at which a stream is disturbed
IDLE = 0.5  # seconds without a send, in which a stream can be disturbed while it waits
SHORT = 5.0  # seconds, for what should be answered at once
LATENCIES = (0.0, 0.4, 0.03, 1.1, 0.0, 0.7, 0.2)  # seconds that a send takes: no two in step
CLIENT, SERVER = ("127.0.0.1", 50_000), ("127.0.0.1", 8000)
QUIET_HOST = "2.3"  # of the specification: `send` is silent on a closed connection; as most say
RAISING_HOST = "2.5"  # here it "should raise a server-specific subclass of OSError"

HTTP_FAREWELL = {"type": "http.disconnect"}
OPTIONAL_KEYS = (  # "Optional; if missing ..."
    *("scheme", "raw_path", "root_path", "client", "server", "state", "extensions"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plans:
    """All plans for one request."""

    request: Request
    heartbeat: float
    is_universal: bool = False  # what is asked by any client of an agent is to be answered
    state: dict[str, Any] | None = None  # of the lifespan, if the application has one

    def plain(self, name: str = "plain") -> Plan:
        """A client that reads all, and leaves in the end."""
        return Plan(
            name=name,
            scope=self._scope(),
            inbox=(Given({"type": "http.request", "body": self.request.content}),),
            farewell=HTTP_FAREWELL,
            window=2 * self.heartbeat + SHORT,
        )

    def undisturbed(self) -> Iterator[Plan]:
        """Others that have to be served to the end: slow ones, old ones, terse ones."""
        plain = self.plain()
        yield replace(plain, name="slow", latency=LATENCIES, window=2 * plain.window)
        stall = (0.0, self.heartbeat + SHORT)  # longer than any heartbeat waits
        yield replace(plain, name="stalled", latency=stall, window=4 * plain.window)
        yield from self._split()
        scope = {key: plain.scope[key] for key in plain.scope if key not in OPTIONAL_KEYS}
        terse = {"type": "http.request", "body": self.request.content}
        yield replace(
            plain,
            name="minimal",
            scope={**scope, "asgi": {"version": "3.0"}},
            inbox=(Given(terse if self.request.content else {"type": "http.request"}),),
        )
        yield replace(plain, name="http10", scope={**plain.scope, "http_version": "1.0"})
        yield replace(plain, name="http2", scope={**plain.scope, "http_version": "2"})
        if self.is_universal:
            yield replace(plain, name="accept-json", scope=_accepting_json(plain.scope))

    def _split(self) -> Iterator[Plan]:
        """The same request body in several messages. An empty one is split too."""
        content = self.request.content
        sizes = {"split-2": max(1, len(content) // 2), "split-n": max(1, len(content) // 7)}
        for name, size in sizes.items():
            parts = [content[at : at + size] for at in range(0, len(content), size)] or [b""]
            messages = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
            # "more_body: Optional; if missing defaults to False", and so does `body` to b"".
            messages.append({"type": "http.request"})
            inbox = tuple(Given(message, 0.05) for message in messages)
            yield replace(self.plain(name), inbox=inbox)

    def methods(self) -> Iterator[tuple[str, Plan]]:
        """Requests that start no stream, each with the name of its exchange."""
        for name in ("HEAD", "OPTIONS", "PUT"):
            plain = self.plain(name.lower())
            scope = {**plain.scope, "method": name}
            yield name.lower(), replace(plain, scope=scope, window=SHORT, end="timeout")

    def disturbed(self, plain: Call) -> Iterator[Plan]:
        """A client that leaves, a `send` that fails, a host that cancels: here and there."""
        sends = [message.at for message in plain.messages if message.what == "send"]
        most = min(len(sends), MOST)
        idle = _idle(sends)
        for number in range(most + 1):
            yield self._disturbed(Stimulus("leave", number or None, None if number else 0.0))
        for number in range(1, most + 1):
            yield self._disturbed(Stimulus("fail", number))
        for number in range(most + 1):
            yield self._disturbed(Stimulus("cancel", number or None, None if number else 0.0))
        if idle is not None:
            yield self._disturbed(Stimulus("leave", at=idle))
            yield self._disturbed(Stimulus("cancel", at=idle))

    def _disturbed(self, stimulus: Stimulus) -> Plan:
        plain = self.plain()
        place = stimulus.send if stimulus.send is not None else "idle" if stimulus.at else 0
        spec_version = RAISING_HOST if stimulus.kind == "fail" else QUIET_HOST
        return replace(
            plain,
            name=f"{stimulus.kind}@{place}",
            scope={**plain.scope, "asgi": {"version": "3.0", "spec_version": spec_version}},
            stimulus=stimulus,
        )

    def unknown(self) -> Plan:
        """A protocol that nobody knows."""
        scope = {"type": "sse-conformance", "asgi": {"version": "3.0"}}
        return Plan(name="unknown", scope=scope, inbox=(), farewell=None, window=SHORT)

    def websockets(self, path: str) -> Iterator[Plan]:
        """A client that says something and waits; one that leaves at once, or once accepted."""
        plain = Plan(
            name="websocket",
            scope=self._websocket_scope(path),
            inbox=(
                Given({"type": "websocket.connect"}),
                Given({"type": "websocket.receive", "text": "hello"}, 0.1, "websocket.accept"),
            ),
            farewell={"type": "websocket.disconnect", "code": 1000, "reason": ""},
            window=self.heartbeat + SHORT,
        )
        yield plain
        abrupt = replace(plain, farewell={"type": "websocket.disconnect", "code": 1006})
        yield replace(abrupt, name="websocket-leave@0", stimulus=Stimulus("leave", at=0.0))
        yield replace(abrupt, name="websocket-leave@1", stimulus=Stimulus("leave", 1))

    def _scope(self) -> Scope:
        request = self.request
        path, _, query = request.target.partition("?")
        scope: Scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": QUIET_HOST},
            "http_version": "1.1",
            "method": request.method,
            "scheme": "http",
            "path": unquote(path),
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(name.lower(), value) for name, value in request.fields],
            "client": CLIENT,
            "server": SERVER,
            "extensions": {},
        }
        return scope if self.state is None else {**scope, "state": self.state}

    def _websocket_scope(self, target: str) -> Scope:
        path, _, query = target.partition("?")
        scope = self._scope()
        del scope["method"]
        headers: list[tuple[bytes, bytes]] = [
            (b"host", b"127.0.0.1:8000"),
            (b"connection", b"Upgrade"),
            (b"upgrade", b"websocket"),
            (b"sec-websocket-version", b"13"),
            (b"sec-websocket-key", b"c3NlLWNvbmZvcm1hbmNlIQ=="),
        ]
        return {
            **scope,
            "type": "websocket",
            "scheme": "ws",
            "path": unquote(path),
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": headers,
            "subprotocols": [],
        }


def lifespan() -> Plan:
    """The life of the application, as the host begins it."""
    return Plan(
        name="lifespan",
        scope={"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}},
        inbox=(Given({"type": "lifespan.startup"}),),
        farewell=None,
        window=float("inf"),
    )


def _accepting_json(scope: Scope) -> Scope:
    others = [each for each in scope["headers"] if each[0] != b"accept"]
    return {**scope, "headers": [*others, (b"accept", b"application/json")]}


def _idle(sends: list[float]) -> float | None:
    """The middle of the longest time between two sends, if that is long."""
    gaps = [(after - before, before) for before, after in pairwise(sends)]
    length, begin = max(gaps, default=(0.0, 0.0))
    return begin + length / 2 if length >= IDLE else None
