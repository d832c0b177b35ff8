"""One answer of Chat Completions, streaming and whole.

https://platform.openai.com/docs/api-reference/chat-streaming. Tools that run on the server have no
word here: a client would take them for its own, and so they are not told.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from ..events import Approval, Cancelled, Error, Question, Terminal
from .encoder import PartsEncoder
from .exchange import CANCELLED, Frame, Pause, Place, tokens, wire_id
from .parts import Asked, Call, Delta, Over, Part, arguments, as_json

FINISH_REASONS = ("stop", "length", "tool_calls", "content_filter", "function_call")
DONE = Frame("[DONE]")


class ChatCompletion(PartsEncoder):
    """One answer: `chat.completion.chunk` objects, then `[DONE]`; or one `chat.completion`."""

    # A run that has failed has happened: the SDKs must not begin it again by themselves.
    headers: Sequence[tuple[bytes, bytes]] = ((b"x-should-retry", b"false"),)

    def __init__(
        self, model: str, *, include_usage: bool = False, created: int | None = None
    ) -> None:
        super().__init__()
        self._model = model
        self._include_usage = include_usage
        self._created = int(time.time()) if created is None else created  # Unix time
        self._id = self._session_id = ""
        self._content: list[str] = []
        self._reasoning: list[str] = []
        self._calls: list[dict[str, Any]] = []
        self._has_asked = False
        self._finish_reason = "stop"
        self._usage = usage_of(None)
        self._error: dict[str, Any] | None = None

    def begin(self, place: Place) -> list[Frame]:
        """The role, in a chunk of its own."""
        self._id = f"chatcmpl-{place.run_id}" + (f"-{place.after}" if place.after else "")
        self._session_id = place.session_id
        return [self._chunk({"role": "assistant", "content": ""})]

    def tell(self, part: Part) -> list[Frame]:  # noqa: PLR0911 - a table
        """Text, reasoning and the calls that are for the client."""
        match part:
            case Delta("text", _, content):
                return self._text(content)
            case Delta("thinking", _, content):
                self._reasoning.append(content)
                return [self._chunk({"reasoning_content": content})]
            case Call(actor="client"):
                return self._call(part)
            case Asked(Approval(approval_id)):
                self._refused.append(approval_id)  # here is nobody to ask
                return []
            case Asked(Question(_, prompt)):
                self._has_asked = True
                return self._text(f"\n\n{prompt}" if self._content else prompt)
            case Over(event):
                return self._over(event)
            case _:
                return []

    def pause(self) -> Pause | None:
        """A client tool is for the next request; a question is answered by a new conversation."""
        if self._calls:
            self._finish_reason = "tool_calls"
            return Pause(self._finish())
        if self._has_asked:
            return Pause(self._finish(), is_final=True)
        return None

    def cut_off(self, failure: str) -> list[Frame]:
        """An error, of which the SDKs make an exception."""
        return self._fail(failure, "stream_failed")

    def whole(self) -> tuple[int, Any]:
        """The `chat.completion`, or an error."""
        if self._error is not None:
            return 500, {"error": self._error}
        message: dict[str, Any] = {
            "role": "assistant",
            "content": "".join(self._content) if self._content or not self._calls else None,
            "refusal": None,
        }
        if self._reasoning:
            message["reasoning_content"] = "".join(self._reasoning)
        if self._calls:
            message["tool_calls"] = self._calls
        choice = {
            "index": 0,
            "message": message,
            "finish_reason": self._finish_reason,
            "logprobs": None,
        }
        return 200, {**self._head("chat.completion"), "choices": [choice], "usage": self._usage}

    def _text(self, content: str) -> list[Frame]:
        self._content.append(content)
        return [self._chunk({"content": content})]

    def _call(self, call: Call) -> list[Frame]:
        index = len(self._calls)
        function = {"name": call.name, "arguments": arguments(call.args)}
        told = {
            "id": wire_id(self._session_id, call.id),
            "type": "function",
            "function": function,
        }
        self._calls.append(told)
        return [self._chunk({"tool_calls": [{"index": index, **told}]})]

    def _over(self, event: Terminal) -> list[Frame]:
        match event:
            case Error(message, code):
                return self._fail(message, code)
            case Cancelled():
                return self._fail(CANCELLED, "cancelled")
            case complete:
                self._usage = usage_of(complete.usage)
                if self._calls:
                    self._finish_reason = "tool_calls"  # of an agent that waits for no answer
                elif complete.finish_reason in FINISH_REASONS:
                    self._finish_reason = complete.finish_reason
                return self._finish()

    def _finish(self) -> list[Frame]:
        frames = [self._chunk({}, self._finish_reason)]
        if self._include_usage:
            head = self._head("chat.completion.chunk")
            frames.append(Frame(as_json({**head, "choices": [], "usage": self._usage})))
        return [*frames, DONE]

    def _fail(self, message: str, code: str) -> list[Frame]:
        self._error = error_of(message, "server_error", code=code)
        return [Frame(as_json({"error": self._error}))]

    def _chunk(self, delta: dict[str, Any], finish_reason: str | None = None, **more: Any) -> Frame:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason, "logprobs": None}
        chunk = {**self._head("chat.completion.chunk"), "choices": [choice], **more}
        if self._include_usage:
            chunk.setdefault("usage", None)
        return Frame(as_json(chunk))

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": self._id, "object": kind, "created": self._created, "model": self._model}


def usage_of(usage: Mapping[str, Any] | None) -> dict[str, int]:
    """The tokens that were used, in this API's words."""
    read, written = tokens(usage)
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}


def error_of(
    message: str, kind: str, *, param: str | None = None, code: str | None = None
) -> dict[str, Any]:
    """What is wrong, in this API's words: the SDKs make an exception of it."""
    return {"message": message, "type": kind, "param": param, "code": code}
