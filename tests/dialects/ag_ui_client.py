"""A client of AG-UI, by the rules of @ag-ui/client and with the models of ag-ui-protocol.

`verify` is what the package's `verifyEvents` forbids, as far as it can happen without steps and
subagents, and `read` its `defaultApplyEvents`. tests/clients compares this with the package.
"""

import json
from collections.abc import Sequence
from typing import Any

from ag_ui.core import Event
from pydantic import BaseModel, TypeAdapter

from asgi_agent.dialects.exchange import Frame

Told = dict[str, Any]
ANY_EVENT: TypeAdapter[Any] = TypeAdapter(Event)
OPENS = {  # what an event of each kind opens or closes, and under which field
    "TEXT_MESSAGE": "messageId",
    "REASONING_MESSAGE": "messageId",
    "REASONING": "messageId",
    "TOOL_CALL": "toolCallId",
}


def events_of(frames: Sequence[Frame]) -> list[Told]:
    """The events, each of which is one of the protocol, with no other field and no null."""
    assert all(frame.event == "" for frame in frames)
    events: list[Told] = [json.loads(frame.data) for frame in frames]
    for event in events:
        model = ANY_EVENT.validate_python(event)
        _has_no_other_fields(model)
        assert model.model_dump(mode="json", by_alias=True, exclude_unset=True) == event
        assert not any(value is None for key, value in event.items() if key != "value")
    return events


def _has_no_other_fields(value: object) -> None:
    match value:
        case BaseModel():
            assert not value.model_extra
            for field in type(value).model_fields:
                _has_no_other_fields(getattr(value, field))
        case list():
            for each in value:
                _has_no_other_fields(each)
        case _:
            pass


def verify(events: Sequence[Told], *, is_1_0: bool) -> None:
    """Whether the client takes them for one run; `AssertionError` where it would throw."""
    assert events[0]["type"] == "RUN_STARTED"
    assert ("protocolVersion" in events[0]) is is_1_0
    open_ones: set[tuple[str, str]] = set()
    for event in events[1:-1]:
        assert event["type"] not in ("RUN_STARTED", "RUN_FINISHED", "RUN_ERROR")
        kind, _, what = event["type"].rpartition("_")
        if kind not in OPENS or what == "RESULT":
            continue
        named = (kind, event[OPENS[kind]])
        assert (named in open_ones) is (what != "START"), event
        if what == "START":
            open_ones.add(named)
        elif what == "END":
            open_ones.remove(named)
    if events[-1]["type"] == "RUN_FINISHED":
        assert not open_ones
        assert is_1_0 or _is_known_to_0_0_59(events[-1]["outcome"])
    else:
        assert events[-1]["type"] == "RUN_ERROR"


def _is_known_to_0_0_59(outcome: Told) -> bool:
    return outcome == {"type": "success"} or set(outcome) == {"type", "interrupts"}


def read(events: Sequence[Told], messages: Sequence[Told] = ()) -> list[Told]:
    """The messages of the conversation when these events have been applied to it."""
    found = [dict(message) for message in messages]
    for event in events:
        _apply(event, found)
    return found


def calls_in(messages: Sequence[Told]) -> list[Told]:
    """The tool calls of all messages."""
    return [call for message in messages for call in message.get("toolCalls", ())]


def _apply(event: Told, messages: list[Told]) -> None:
    match event["type"]:
        case "TEXT_MESSAGE_START" | "REASONING_MESSAGE_START":
            if not any(each["id"] == event["messageId"] for each in messages):
                message = {"id": event["messageId"], "role": event["role"], "content": ""}
                messages.append(message)
        case "TEXT_MESSAGE_CONTENT" | "REASONING_MESSAGE_CONTENT":
            [message] = [each for each in messages if each["id"] == event["messageId"]]
            message["content"] += event["delta"]
        case "TOOL_CALL_START":
            call_id = event["toolCallId"]
            if not any(each["id"] == call_id for each in calls_in(messages)):
                function = {"name": event["toolCallName"], "arguments": ""}
                call = {"id": call_id, "type": "function", "function": function}
                messages.append({"id": call_id, "role": "assistant", "toolCalls": [call]})
        case "TOOL_CALL_ARGS":
            [call] = [each for each in calls_in(messages) if each["id"] == event["toolCallId"]]
            call["function"]["arguments"] += event["delta"]
        case "TOOL_CALL_RESULT":
            message = {
                key: value for key, value in event.items() if key not in ("type", "messageId")
            }
            _insert({"id": event["messageId"], **message}, messages)
        case _:
            pass


def _insert(result: Told, messages: list[Told]) -> None:
    """Right after the message with its call, and after the results that are there already."""
    [owner] = [
        index
        for index, message in enumerate(messages)
        if any(call["id"] == result["toolCallId"] for call in message.get("toolCalls", ()))
    ]
    place = owner + 1
    while place < len(messages) and messages[place]["role"] == "tool":
        place += 1
    messages.insert(place, result)
