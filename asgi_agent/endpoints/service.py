"""What all endpoints share: the server's parts, and how a request is read."""

import re
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from pydantic import BaseModel

from ..asgi import Message, Place, Receive, Scope, header, read_body
from ..config import ServerConfig
from ..errors import BadRequest, UnsupportedMediaType
from ..inputs import parse
from ..runs import Runs
from ..sessions import SessionManager

M = TypeVar("M", bound=BaseModel)

MAX_KEY = 255  # characters
# RFC 8941, 3.3.3: a string is printable ASCII, of which `"` and `\` stand after a `\`.
IDEMPOTENCY_KEY = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"|([!#-+\--:<-~]+)')
ESCAPED = re.compile(r'\\(["\\])')


@dataclass(frozen=True, slots=True)
class Service:
    """The parts of one server."""

    config: ServerConfig
    runs: Runs
    sessions: SessionManager
    agent_name: str


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request to an endpoint."""

    scope: Scope
    receive: Receive
    place: Place

    @property
    def principal(self) -> Any:
        """Who asks, where a middleware has said so."""
        return self.scope.get("principal")

    @property
    def idempotency_key(self) -> str | None:
        """The key that makes the request safe to repeat, if there is one.

        draft-ietf-httpapi-idempotency-key-header: "an Item Structured Header", "its value MUST be a
        String". One without quotes, as many clients send it, is taken too. Raises `BadRequest`.
        """
        name = b"idempotency-key"
        sent = [value for key, value in self.scope["headers"] if bytes(key) == name]
        if not sent:
            return None
        match = IDEMPOTENCY_KEY.fullmatch(header(self.scope, name) or "")
        key = (match[2] or ESCAPED.sub(r"\1", match[1])) if match and len(sent) == 1 else ""
        if not 0 < len(key) <= MAX_KEY:
            raise BadRequest(f"The Idempotency-Key must be a string of 1 to {MAX_KEY} characters.")
        return key

    @property
    def headers(self) -> dict[str, str]:
        """The header fields by name, in lower case; of several of one name, the last."""
        headers = self.scope["headers"]
        return {bytes(name).decode("latin-1"): bytes(v).decode("latin-1") for name, v in headers}

    @property
    def has_body(self) -> bool:
        """Whether there is anything to be read. A POST that is to cancel says all by its path."""
        headers = self.headers
        is_told = "content-type" in headers or "transfer-encoding" in headers
        return self.scope["method"] == "POST" and (
            is_told or headers.get("content-length", "0") != "0"
        )

    async def json(self, model: type[M], limit: int) -> M:
        """The body as this model. Raises `InvalidInput`, and what `json_body` does."""
        return parse(model, await self.json_body(limit))

    async def json_body(self, limit: int) -> bytes:
        """The body, which claims to be JSON. Raises `UnsupportedMediaType` or `BodyTooLarge`.

        The content type is checked because that is what makes a browser ask first: a form, or a
        script on another site, can send any other type without a preflight (Fetch, 3.2.2).
        """
        sent = (header(self.scope, b"content-type") or "").partition(";")[0].strip().lower()
        if sent != "application/json" and not sent.endswith("+json"):
            raise UnsupportedMediaType("The content type must be application/json.")
        return await read_body(self.scope, self.receive, limit)

    def again(self, body: bytes) -> "Request":
        """The same request, whose body was read, for somebody else to read."""
        waiting = [body]

        async def receive() -> Message:
            if waiting:
                return {"type": "http.request", "body": waiting.pop(), "more_body": False}
            return await self.receive()

        return replace(self, receive=receive)
