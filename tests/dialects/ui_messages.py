"""How the AI SDK reads a UI message stream: its rules, as strict as its first versions.

What the client would throw, `read` raises as an AssertionError. A chunk has its own keys and no
other, and none is null where it may be left out.
"""

import json
from collections.abc import Sequence
from typing import Any, TypeAlias

from asgi_agent.dialects.exchange import Frame

Message: TypeAlias = dict[str, Any]
Part: TypeAlias = dict[str, Any]

FLAGS = {"dynamic": bool, "providerExecuted": bool}
CALL = {"toolCallId": str, "toolName": str}
# The keys of each chunk: those that it must have, and those that it may.
CHUNKS: dict[str, tuple[dict[str, type], dict[str, type]]] = {
    "start": ({"messageId": str}, {}),
    "start-step": ({}, {}),
    "finish-step": ({}, {}),
    "finish": ({"finishReason": str}, {}),
    "abort": ({}, {}),
    "error": ({"errorText": str}, {}),
    "message-metadata": ({"messageMetadata": dict}, {}),
    **{
        f"{kind}-{word}": ({"id": str, **({"delta": str} if word == "delta" else {})}, {})
        for kind in ("text", "reasoning")
        for word in ("start", "delta", "end")
    },
    "tool-input-start": (CALL, FLAGS),
    "tool-input-delta": ({"toolCallId": str, "inputTextDelta": str}, {}),
    "tool-input-available": ({**CALL, "input": object}, FLAGS),
    "tool-input-error": ({**CALL, "input": object, "errorText": str}, FLAGS),
    "tool-output-available": ({"toolCallId": str, "output": object}, FLAGS),
    "tool-output-error": ({"toolCallId": str, "errorText": str}, FLAGS),
}
APPROVALS: dict[str, tuple[dict[str, type], dict[str, type]]] = {  # from version 6 on
    "tool-approval-request": ({"approvalId": str, "toolCallId": str}, {}),
    "tool-output-denied": ({"toolCallId": str}, {}),
}
DATA: tuple[dict[str, type], dict[str, type]] = ({"data": object}, {"id": str, "transient": bool})
FINISH_REASONS = {"stop", "length", "content-filter", "tool-calls", "error", "other"}


def check(chunk: dict[str, Any], version: int) -> None:
    """What the schema of this version takes."""
    kind = chunk["type"]
    known = {**CHUNKS, **(APPROVALS if version >= 6 else {})}
    needed, optional = DATA if kind.startswith("data-") else known[kind]
    given = {key: value for key, value in chunk.items() if key != "type"}
    assert needed.keys() <= given.keys() <= needed.keys() | optional.keys(), chunk
    for key, value in given.items():
        assert isinstance(value, {**needed, **optional}[key]), chunk
    assert kind != "finish" or chunk["finishReason"] in FINISH_REASONS


class Reader:
    """Reads responses into one message; a response may continue it."""

    def __init__(self, version: int) -> None:
        self.version = version
        self.message: Message = {"id": None, "role": "assistant", "parts": []}
        self.is_over = False
        self.error: str | None = None
        self._active: dict[tuple[str, str], Part] = {}
        self._partial: dict[str, str] = {}

    def read(self, frames: Sequence[Frame]) -> None:
        """One whole response."""
        *chunks, done = frames
        assert done == Frame("[DONE]")
        kinds = []
        for frame in chunks:
            assert frame.event == ""
            chunk = json.loads(frame.data)
            check(chunk, self.version)
            kinds.append(chunk["type"])
            self._take(chunk)
        assert kinds[:2] == ["start", "start-step"]
        assert kinds[-2:] == ["finish-step", "finish"] or kinds[-1] in {"abort", "error"}
        assert not self._active, "an open text or reasoning"

    def _take(self, chunk: dict[str, Any]) -> None:
        kind, _, word = chunk["type"].partition("-")
        match kind, word:
            case "start", "":
                self.message["id"] = chunk["messageId"]
            case "start", "step":
                self.message["parts"].append({"type": "step-start"})
            case "text" | "reasoning", _:
                self._block(kind, word, chunk)
            case "tool", _:
                self._tool(word, chunk)
            case "data", _:
                self._data(chunk)
            case "message", "metadata":
                self.message["metadata"] = chunk["messageMetadata"]
            case "error", _:
                self.error = chunk["errorText"]
            case _:
                self.is_over = True

    def _block(self, kind: str, word: str, chunk: dict[str, Any]) -> None:
        key = (kind, chunk["id"])
        if word == "start":
            assert key not in self._active
            self._active[key] = {"type": kind, "text": ""}
            self.message["parts"].append(self._active[key])
        elif word == "delta":
            self._active[key]["text"] += chunk["delta"]
        else:
            del self._active[key]

    def _data(self, chunk: dict[str, Any]) -> None:
        if chunk.get("transient"):
            return
        same = [
            part
            for part in self.message["parts"]
            if "id" in chunk and (part["type"], part.get("id")) == (chunk["type"], chunk["id"])
        ]
        if same:
            same[0]["data"] = chunk["data"]
        else:
            self.message["parts"].append(chunk)

    def _tool(self, word: str, chunk: dict[str, Any]) -> None:
        match word:
            case "input-start":
                self._partial[chunk["toolCallId"]] = ""
                self._update(chunk, "input-streaming")
            case "input-delta":
                self._partial[chunk["toolCallId"]] += chunk["inputTextDelta"]
            case "input-available":
                self._update(chunk, "input-available", input=chunk["input"])
            case "input-error":
                error = {"input": chunk["input"], "errorText": chunk["errorText"]}
                self._update(chunk, "output-error", **error)
            case "approval-request":
                part = self._called(chunk)
                part.update(state="approval-requested", approval={"id": chunk["approvalId"]})
            case "output-denied":
                self._called(chunk)["state"] = "output-denied"
            case "output-error":
                result = {"errorText": chunk["errorText"], "output": None}
                self._called(chunk).update(state="output-error", **result)
            case _:
                assert word == "output-available"
                result = {"output": chunk["output"], "errorText": None}
                self._called(chunk).update(state="output-available", **result)

    def _update(self, chunk: dict[str, Any], state: str, **fields: Any) -> None:
        """The part of this call in this step; else a new one."""
        is_dynamic = chunk.get("dynamic", False)
        name = {"toolName": chunk["toolName"]} if is_dynamic else {}
        kind = "dynamic-tool" if is_dynamic else f"tool-{chunk['toolName']}"
        found = [
            part
            for part in self._step()
            if part.get("toolCallId") == chunk["toolCallId"]
            and (part["type"] == "dynamic-tool") == is_dynamic
        ]
        if not found:
            found = [{"toolCallId": chunk["toolCallId"]}]
            self.message["parts"] += found
        told = {"providerExecuted": True} if chunk.get("providerExecuted") else {}
        empty = {"output": None, "errorText": None}
        found[0].update(type=kind, state=state, **{**name, **empty, **fields, **told})

    def _called(self, chunk: dict[str, Any]) -> Part:
        """The part whose result this is: in this step, or else the latest of the message.

        Version 5 looks for dynamic calls and for others apart.
        """
        is_dynamic = chunk.get("dynamic", False)
        calls = [
            part
            for parts in (self._step(), reversed(self.message["parts"]))
            for part in parts
            if part.get("toolCallId") == chunk["toolCallId"]
            and (self.version >= 6 or (part["type"] == "dynamic-tool") == is_dynamic)
        ]
        assert calls, f"No tool invocation found: {chunk}"
        found: Part = calls[0]
        return found

    def _step(self) -> list[Part]:
        parts: list[Part] = self.message["parts"]
        starts = [at for at, part in enumerate(parts, 1) if part["type"] == "step-start"]
        return parts[starts[-1] :] if starts else parts
