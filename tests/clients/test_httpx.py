"""Bond's Python client `stream_response`, with httpx."""

import pytest

from tests.clients.conftest import Witness
from tests.clients.programs import run_python
from tests.serving import Served


def test_b1_stream_response_prints_what_is_said_once(served: Served, witness: Witness) -> None:
    ended = run_python(served, "stream_response", "Hello!")

    assert ended.stdout == "Let me see.You said: Hello! "  # what is thought has a content too
    assert (ended.code, ended.stderr) == (0, "")
    assert witness()["begun"] == ["Hello!"]


@pytest.mark.parametrize("served", ["uvicorn-httptools-websockets"], indirect=True)
def test_b19_stream_response_waits_for_an_agent_that_is_silent_for_longer_than_its_timeout(
    served: Served,
) -> None:
    ended = run_python(served, "stream_response", "Think for six seconds.")

    assert ended.stdout == "Here I am."
    assert (ended.code, ended.stderr) == (0, "")
    assert ended.seconds > 6
