"""`GET /openapi.json`: every route, what it takes and what it streams. OpenAPI 3.1.

https://spec.openapis.org/oas/v3.1.1.html
"""

import re
from collections.abc import Iterable, Mapping
from functools import cached_property
from importlib.metadata import version
from typing import Any

from ..asgi import ASGIApp, JSONResponse
from ..dialects.exchange import Dialect, operation
from ..inputs import AnswerRequest, AskRequest, ChatRequest
from .service import Request

PATHS: dict[str, dict[str, Any]] = {
    "/": {"get": operation("The playground", produces=("text/html",))},
    "/client.js": {"get": operation("The JavaScript client", produces=("text/javascript",))},
    "/openapi.json": {"get": operation("This description")},
    "/health": {"get": operation("Whether the server serves, and whom")},
    "/ask": {"post": operation("Start a turn", AskRequest)},
    "/stream/{session_id}": {
        "get": operation(
            "Follow the latest turn, or what comes after Last-Event-ID",
            produces=("text/event-stream",),
        )
    },
    "/sessions/{session_id}": {
        "get": operation("The conversation so far"),
        "delete": operation("Cancel and forget the session", produces=()),
    },
    "/sessions/{session_id}/cancel": {"post": operation("Cancel the turn under way")},
    "/sessions/{session_id}/answer": {"post": operation("Answer the agent", AnswerRequest)},
    "/api/chat": {"post": operation("The whole answer", ChatRequest)},
    "/api/chat/stream": {"post": operation("The answer as it comes", ChatRequest, streams=True)},
    "/api/agent/stream": {"post": operation("The answer as it comes", ChatRequest, streams=True)},
}


class OpenAPI:
    """The description of all routes; the native ones above, and those of the dialects."""

    def __init__(self, dialects: Iterable[Dialect], agent_name: str) -> None:
        self._dialects = tuple(dialects)
        self._agent_name = agent_name

    @cached_property
    def document(self) -> dict[str, Any]:
        """All but the servers. It is made when somebody asks, for most servers are never asked."""
        schemas: dict[str, Any] = {}
        paths: dict[str, dict[str, Any]] = {}
        for described in (PATHS, *(each.describe() for each in self._dialects)):
            for path, operations in described.items():
                for method, each in operations.items():
                    known = paths.setdefault(path, {})
                    told = _hoisted(path, each, schemas)
                    known[method] = _either(known[method], told) if method in known else told
        return {
            "openapi": "3.1.0",
            "info": {"title": self._agent_name, "version": version("asgi_agent")},
            "paths": paths,
            "components": {"schemas": schemas},
        }

    async def show(self, request: Request) -> ASGIApp:
        """GET /openapi.json; its server is where the application is mounted."""
        servers = [{"url": request.place.prefix or "/"}]
        return JSONResponse({**self.document, "servers": servers})


def _hoisted(path: str, each: Mapping[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    """The operation with the parameters of its path, and its definitions where references look."""
    told = {**each}
    names = re.findall(r"{(\w+)}", path)
    if names:
        told["parameters"] = [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in names
        ]
    if "requestBody" in told:
        [(kind, content)] = told["requestBody"]["content"].items()
        schema = {**content["schema"]}
        schemas.update(schema.pop("$defs", {}))
        told["requestBody"] = {"required": True, "content": {kind: {"schema": schema}}}
    return told


def _either(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Two dialects share a path: the body decides which of them is spoken."""
    schemas = [
        each["requestBody"]["content"]["application/json"]["schema"] for each in (one, other)
    ]
    content: dict[str, dict[str, Any]] = {
        kind: {} for each in (one, other) for kind in each["responses"]["200"]["content"]
    }
    return {
        "summary": f"{one['summary']}; or: {other['summary']}",
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"anyOf": schemas}}},
        },
        "responses": {"200": {"description": "OK", "content": content}},
    }
