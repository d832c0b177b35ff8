"""What an application may send, and when: the message order of ASGI 3.0 as a table.

https://asgi.readthedocs.io/en/latest/specs/www.html
Where hosts are stricter than the text, or differ, the strictest of them is the rule.
"""

import re
from enum import Enum
from typing import Any, NoReturn

from ..asgi.types import Message, Scope

TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9a-z-]+")  # RFC 9110, 5.6.2; in ASGI in lower case
FIELD_VALUE = re.compile(rb"([^\x00-\x20\x7f]([^\x00-\x08\x0a-\x1f\x7f]*[^\x00-\x20\x7f])?)?")
BODIES = ("http.response.body", "websocket.http.response.body")
# RFC 6455, 7.4: 1004 to 1006 and 1015 are never sent; 3000 to 4999 are free to use.
CLOSE_CODES = {*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)}


class ProtocolViolation(AssertionError):
    """The application did what ASGI, or a strict host, does not allow."""


class State(Enum):
    """How far the application has come; each as the end of "… is not allowed"."""

    REQUESTED = "before http.response.start"
    RESPONDING = "after http.response.start"
    CONNECTING = "before websocket.accept"
    OPEN = "after websocket.accept"
    DENYING = "after websocket.http.response.start"
    STARTING = "before lifespan.startup.complete"
    STARTED = "after lifespan.startup.complete"
    DONE = "after the last message"


TRANSITIONS: dict[tuple[State, str], State] = {  # all that is not here is forbidden
    (State.REQUESTED, "http.response.start"): State.RESPONDING,
    (State.RESPONDING, "http.response.body"): State.RESPONDING,
    (State.RESPONDING, "the last http.response.body"): State.DONE,
    (State.CONNECTING, "websocket.accept"): State.OPEN,
    (State.CONNECTING, "websocket.close"): State.DONE,  # the host answers 403
    (State.CONNECTING, "websocket.http.response.start"): State.DENYING,
    (State.DENYING, "websocket.http.response.body"): State.DENYING,
    (State.DENYING, "the last websocket.http.response.body"): State.DONE,
    (State.OPEN, "websocket.send"): State.OPEN,
    (State.OPEN, "websocket.close"): State.DONE,
    (State.STARTING, "lifespan.startup.complete"): State.STARTED,
    (State.STARTING, "lifespan.startup.failed"): State.DONE,
    (State.STARTED, "lifespan.shutdown.complete"): State.DONE,
    (State.STARTED, "lifespan.shutdown.failed"): State.DONE,
}

INITIAL = {"http": State.REQUESTED, "websocket": State.CONNECTING, "lifespan": State.STARTING}


class Rules:
    """The rules for one scope. The first violation is kept: an app may swallow what is raised."""

    def __init__(self, scope: Scope) -> None:
        self.state: State = INITIAL[scope["type"]]
        self.violation: ProtocolViolation | None = None
        self._bodiless = scope.get("method") == "HEAD"  # RFC 9110, 9.3.2
        self._subprotocols = scope.get("subprotocols", ())
        self._extensions = scope.get("extensions", {})

    @property
    def done(self) -> bool:
        """Whether the application has sent all there is to send."""
        return self.state is State.DONE

    def require(self, condition: object, rule: str) -> None:
        """Raise a `ProtocolViolation` that states the rule, unless the condition holds."""
        if not condition:
            self.violate(rule)

    def violate(self, rule: str) -> NoReturn:
        """Raise a `ProtocolViolation` that states the rule."""
        violation = ProtocolViolation(rule)
        self.violation = self.violation or violation
        raise violation

    def check(self, message: Message) -> None:
        """Raise unless `message` is well formed and may be sent now; if so, move on."""
        kind = message.get("type")
        last = kind in BODIES and not message.get("more_body", False)
        state = TRANSITIONS.get((self.state, f"the last {kind}" if last else f"{kind}"))
        if state is None:
            self.violate(f"{kind!r} is not allowed {self.state.value}")
        match kind:
            case "http.response.start" | "websocket.http.response.start":
                self._check_start(message)
            case "http.response.body" | "websocket.http.response.body":
                self._check_body(message)
            case "websocket.accept":
                self._check_accept(message)
            case "websocket.send":
                self._check_send(message)
            case "websocket.close":
                self._check_close(message)
            case _:
                pass  # the lifespan's messages have no fields that could be wrong
        self.state = state

    def _check_start(self, message: Message) -> None:
        status = message.get("status")
        right = isinstance(status, int) and 200 <= status < 600
        self.require(right, f"the status is an integer from 200 to 599: {status!r}")
        offered = (
            message["type"].startswith("http.") or "websocket.http.response" in self._extensions
        )
        self.require(offered, "the host did not offer the extension websocket.http.response")
        self._bodiless = self._bodiless or status in {204, 304}  # RFC 9110, 15.3.5 and 15.4.5
        self._check_headers(message.get("headers"))  # to omit them fails on granian

    def _check_headers(self, headers: Any) -> None:
        # A generator is dropped without a word by two hosts; a list of lists fails on others.
        self.require(type(headers) is list, f"the headers are a list: {headers!r}")
        for header in headers:
            match header:
                case (bytes(name), bytes(value)):
                    right = TOKEN.fullmatch(name) and FIELD_VALUE.fullmatch(value)
                    self.require(right, f"a header is in lower case, without padding: {header!r}")
                case _:
                    self.violate(f"a header is a pair of bytes: {header!r}")

    def _check_body(self, message: Message) -> None:
        body = message.get("body", b"")
        self.require(type(body) is bytes, f"the body is bytes: {body!r}")
        self.require(not (body and self._bodiless), f"this response has no body: {body!r}")

    def _check_accept(self, message: Message) -> None:
        chosen = message.get("subprotocol")
        right = chosen is None or chosen in self._subprotocols
        self.require(right, f"the client did not offer this subprotocol: {chosen!r}")
        self._check_headers(message.get("headers", []))

    def _check_send(self, message: Message) -> None:
        match message.get("text"), message.get("bytes"):
            case (str(), None) | (None, bytes()):
                pass
            case both:
                self.violate(f"a message has either text or bytes: {both!r}")

    def _check_close(self, message: Message) -> None:
        code, reason = message.get("code", 1000), message.get("reason") or ""
        self.require(code in CLOSE_CODES, f"this close code is never sent: {code!r}")
        # RFC 6455, 5.5: a control frame holds 125 bytes; two are the code.
        self.require(len(reason.encode()) <= 123, f"a reason is at most 123 bytes: {reason!r}")
