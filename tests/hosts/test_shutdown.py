"""A host program that is told to stop, with a stream open: `uvicorn module:app` as users start it.

It would wait for the stream for ever; ASGI has no word for it.
"""

import signal
import sys
import time

import pytest

from tests.hosts.talk import ask, browse
from tests.serving import free_port, run


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_b17_a_stopped_host_ends_every_stream_with_one_error_and_stops(
    number: signal.Signals,
) -> None:
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "--port", str(port), "tests.hosts.apps:impatient"]
    with run(command, port) as served, browse(served.url) as client:
        url = ask(client, "tick")
        with client.stream("GET", url) as response:
            chunks = response.iter_text()
            next(chunks)
            served.process.send_signal(number)
            began = time.monotonic()
            said = "".join(chunks)
        served.process.wait(5)
        assert time.monotonic() - began < 4
    assert said.count("event: error\n") == 1
    assert said.endswith(
        'event: error\ndata: {"error": "The server is shutting down.", "code": "shutdown"}\n\n'
    )
