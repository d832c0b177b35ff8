"""OpenJarvis' stream bridge under its own names: `AgentStreamBridge` and `create_agent_stream`.

The events, their keys and the chunks are OpenJarvis'; its defects are not. The agent infers once,
and what it has answered is what is told, at once. Silence is broken by comments. An error is one,
unless `extras` has "errors", which makes it text; without "events" other SDKs read the stream too.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Collection, Mapping
from contextlib import aclosing
from typing import Any
from uuid import uuid4

from ..agents.openjarvis import Told, Work
from ..agents.threads import Returned
from ..asgi import EventStream, Receive, Scope, Send
from ..dialects.exchange import text_of
from ..dialects.openai_completion import error_of
from ..dialects.openjarvis import apology, estimated_tokens
from ..dialects.parts import as_json
from ..errors import AgentError, BadRequest
from ..events import scrub, to_json

__all__ = ["AgentStreamBridge", "create_agent_stream"]

log = logging.getLogger("asgi_agent")

EXTRAS = ("events", "usage")
HEARTBEAT = ":\n"  # without an empty line: some decoders take that for an event
DONE = "data: [DONE]\n\n"
FAILED = "The agent failed."


class AgentStreamBridge:
    """One answer of a synchronous agent, whose `bus` tells what it does, as an event stream."""

    def __init__(
        self,
        agent: Any,
        bus: Any,
        model: str,
        request: Any,
        *,
        extras: Collection[str] = EXTRAS,
        heartbeat_seconds: float = 4.0,
    ) -> None:
        self._agent = agent
        self._bus = bus
        self._model = model
        self._messages = [_plain(each) for each in request.messages]
        self._extras = frozenset(extras)
        self._heartbeat_seconds = heartbeat_seconds
        self._head = {
            "id": f"chatcmpl-{uuid4().hex[:12]}",
            "object": "chat.completion.chunk",
            "created": int(time.time()),
            "model": model,
        }

    async def stream(self) -> AsyncGenerator[str, None]:
        """The events of the stream, each whole, and comments in silence.

        Close it, and the agent is ended at the next event that it publishes.
        """
        async with aclosing(self.events()) as events:
            step: asyncio.Future[str | None] | None = None
            try:
                while True:
                    step = asyncio.ensure_future(anext(events, None))
                    while not (await asyncio.wait({step}, timeout=self._heartbeat_seconds))[0]:
                        yield HEARTBEAT
                    event = step.result()
                    if event is None:
                        return
                    yield event
            finally:
                if step is not None:
                    step.cancel()
                    await asyncio.wait({step})

    async def events(self) -> AsyncGenerator[str, None]:
        """The same without comments."""
        yield self._chunk(role="assistant")
        try:
            async with aclosing(self._work().listen()) as heard:
                async for said in heard:
                    if not isinstance(said, Returned):
                        for event in self._told(said):
                            yield event
                        continue
                    for event in self._answer(said.value):
                        yield event
        except Exception as error:
            log.exception("The agent of a stream failed")
            for event in self._failure(error):
                yield event

    def _work(self) -> Work:
        *before, last = self._messages or [{"content": ""}]
        for message in (*before, last):
            if not isinstance(message["content"], str):
                raise BadRequest("The content of a message has to be text, or parts of text.")
        return Work(self._agent, self._bus, self._model, last["content"], before)

    def _told(self, told: Told) -> list[str]:
        data: Any = told.data
        if told.name == "tool_call_start" and not isinstance(data.get("arguments"), str):
            data = {**data, "arguments": to_json(data.get("arguments")).decode()}
        return self._event(told.name, data)

    def _answer(self, result: Any) -> list[str]:
        content = scrub(str(result.content or ""))
        words = content.split(" ") if content else []
        tokens = [word if index == 0 else f" {word}" for index, word in enumerate(words)]
        return [
            *self._results(result.tool_results),
            *(self._chunk(content=token) for token in tokens),
            self._stop(content, result.metadata),
            DONE,
        ]

    def _results(self, results: Collection[Any]) -> list[str]:
        told = [
            {
                "tool_name": each.tool_name,
                "success": each.success,
                "output": each.content,
                "latency_ms": each.latency_seconds * 1000,
            }
            for each in results
        ]
        return self._event("tool_results", {"results": told}) if told else []

    def _stop(self, content: str, metadata: Mapping[str, Any]) -> str:
        if "usage" not in self._extras:
            return self._chunk(finish_reason="stop")
        names = ("prompt_tokens", "completion_tokens", "total_tokens")
        read, written, total = (metadata.get(name, 0) for name in names)
        if not total:
            read, written = estimated_tokens(self._messages), max(len(content) // 4, 1)
            total = read + written
        return self._chunk(
            finish_reason="stop", usage=dict(zip(names, (read, written, total), strict=True))
        )

    def _failure(self, error: Exception) -> list[str]:
        told = str(error) if isinstance(error, AgentError | BadRequest) else FAILED
        if "errors" not in self._extras:
            code = error.code if isinstance(error, AgentError) else "agent_error"
            return [f"data: {as_json({'error': error_of(told, 'server_error', code=code)})}\n\n"]
        text = apology(told, str(error))
        return [self._chunk(content=text, finish_reason="stop"), DONE]

    def _event(self, name: str, data: Any) -> list[str]:
        if "events" not in self._extras:
            return []
        return [f"event: {name}\ndata: {to_json(data).decode()}\n\n"]

    def _chunk(
        self,
        *,
        role: str | None = None,
        content: str | None = None,
        finish_reason: str | None = None,
        **more: Any,
    ) -> str:
        delta = {"role": role, "content": content, "tool_calls": None}
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
        chunk = {**self._head, "choices": [choice], **more}
        return f"data: {to_json(chunk).decode() if more else as_json(chunk)}\n\n"


def _plain(message: Any) -> dict[str, Any]:
    names = ("role", "name", "tool_calls", "tool_call_id")
    plain = {name: getattr(message, name, None) for name in names}
    return {**plain, "content": text_of(getattr(message, "content", None))}


async def create_agent_stream(
    agent: Any, bus: Any, model: str, request: Any, *, extras: Collection[str] = EXTRAS
) -> Any:
    """The answer as a response of Starlette's, which a route of FastAPI can return.

    Its heartbeats, its headers and its end when the client leaves are those of `EventStream`.
    """
    from starlette.responses import Response  # the extra that whoever calls this has

    class AgentStreamResponse(Response):
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            bridge = AgentStreamBridge(agent, bus, model, request, extras=extras)

            async def events() -> AsyncGenerator[bytes, None]:
                async with aclosing(bridge.events()) as each:
                    async for event in each:
                        yield event.encode()

            await EventStream(events())(scope, receive, send)

    return AgentStreamResponse()
