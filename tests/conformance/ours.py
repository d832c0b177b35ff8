"""The suite on our own server: `python -m tests.conformance.ours`, which is `make conformance`.

`--thorough` takes every host program there is, and all the time that examples may take.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeAlias

import httpx

from tests.serving import HOSTS, ROOT, free_port, run

ADAPTERS = ROOT / "conformance/adapters"
COMMAND = [sys.executable, "-m", "sse_conformance"]
ORIGIN = "https://a.example"
OF_HOST = {"daphne": ("--of-host", "FLO-01")}  # its `send` never waits, whatever the client reads
UNIVERSAL = ("--profile", "universal")
APP = "tests.clients.obedient_app:app"
PROMPTS = ("What's the weather?", "Fail.", "Ask me.")
AT_ONCE = 3  # most of a run is waiting, for heartbeats above all
Judged: TypeAlias = tuple[bool, str]  # whether something does not hold, and what was said
Run: TypeAlias = Callable[[], Judged]
OTHER_HOSTS = {
    "granian": ("granian", "--interface", "asgi", "--no-ws"),
    "daphne": ("daphne",),
}


def main() -> int:
    """Run the suite; 1 if something does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--thorough", action="store_true")
    thorough: bool = parser.parse_args().thorough
    os.environ["CONFORMANCE_EMIT"] = "1"  # or an adapter does not start
    findings = 0
    with ThreadPoolExecutor(AT_ONCE) as pool:
        begun = [(where, pool.submit(run)) for where, run in runs(thorough=thorough)]
        for where, run in begun:
            is_bad, told = run.result()
            print(f"── {where}\n{told}", flush=True)
            findings += is_bad
    print("Everything holds." if not findings else f"{findings} runs have findings.")
    return min(findings, 1)


def runs(*, thorough: bool) -> Iterator[tuple[str, Run]]:
    """All runs of the suite, each with the place where it is made."""
    yield "in this process", partial(judge, "asgi", "examples.event_stream_alone:app")
    for prompt in PROMPTS:
        for path, body in asked(prompt).items():
            yield f"for all clients at once, {path}", partial(universal, path, body)
    for host, command in (HOSTS | (OTHER_HOSTS if thorough else {})).items():
        where = f"under {host}"
        yield where, partial(emit, host, command, "30" if thorough else "5")
        yield where, partial(check, host, command)
        if thorough and host in HOSTS:
            yield where, partial(converse, host, command)


def asked(prompt: str) -> dict[str, Any]:
    """How the clients of each dialect ask this, by path."""
    said = {"messages": [{"id": "1", "role": "user", "content": prompt}]}
    part = {"type": "text", "text": prompt}
    message = {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": prompt}]}
    call = {"jsonrpc": "2.0", "id": 1, "method": "SendStreamingMessage"}
    return {
        "/v1/chat/completions": {"model": "any", "stream": True, **said},
        "/v1/responses": {"model": "any", "stream": True, "input": prompt},
        "/v1/messages": {"model": "any", "stream": True, "max_tokens": 9, **said},
        "/api/chat": {"messages": [{"id": "1", "role": "user", "parts": [part]}]},
        "/ag-ui": {"threadId": "t", "runId": "r", **said},
        "/a2a": {**call, "params": {"message": message}},
        "/chat": {"messages": [prompt]},
    }


def universal(path: str, body: Any) -> Judged:
    """What one dialect streams, by the profile that the clients of all of them can read."""
    request = ("--method", "POST", "--path", path, "--content", json.dumps(body))
    return judge("asgi", APP, *request, *UNIVERSAL, "--select", "UNI-*", "--fast")


def emit(host: str, command: tuple[str, ...], budget: str) -> Judged:
    """What our event stream emits."""
    port = free_port()
    adapter = arguments(host, command, port, "with_asgi_agent:app")
    with run(adapter, port, directory=ADAPTERS) as served:
        return judge(
            "emit", f"{served.url}/emit", "--budget", budget, "--ci", *OF_HOST.get(host, ())
        )


def check(host: str, command: tuple[str, ...]) -> Judged:
    """What our application streams, at rest and to other origins."""
    port = free_port()
    with run(arguments(host, command, port, "tests.apps:assistant_app"), port) as served:
        asked = httpx.post(f"{served.url}/ask", json={"prompt": "Hello!"}).json()
        url = f"{served.url}{asked['stream_url']}"
        return judge("check", url, "--cors", ORIGIN, *UNIVERSAL)


def converse(host: str, command: tuple[str, ...]) -> Judged:
    """What our application says on a WebSocket. Its handshake is the host program's."""
    port = free_port()
    with run(arguments(host, command, port, "tests.apps:assistant_app"), port) as served:
        return judge("ws", f"{served.ws_url}/ws", "--profile", "agent", "--of-host", "WS-02")


def arguments(host: str, command: tuple[str, ...], port: int, app: str) -> list[str]:
    """The command line of the host program."""
    bind = ["--bind", f"127.0.0.1:{port}"] if host == "hypercorn" else ["--port", str(port)]
    return [sys.executable, "-m", *command, *bind, app]


def judge(*command: str) -> Judged:
    """Run the suite. Only if it does not end well, all that it has said is told."""
    ended = subprocess.run(
        [*COMMAND, *command, "--fail-on", "should"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'conformance'}:{ROOT}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    lines = ended.stdout.strip().split("\n")
    shown = lines if ended.returncode else [lines[1], *(x for x in lines if " judged: " in x)]
    return bool(ended.returncode), "\n".join(shown) + "\n"


if __name__ == "__main__":
    sys.exit(main())
