"""The suite on our own server: `python -m tests.conformance.ours`, which is `make conformance`.

`--thorough` takes every host program there is, and all the time that examples may take.
"""

import argparse
import json
import os
import subprocess
import sys
from typing import Any

import httpx

from tests.serving import HOSTS, ROOT, free_port, run

ADAPTERS = ROOT / "conformance/adapters"
COMMAND = [sys.executable, "-m", "sse_conformance"]
ORIGIN = "https://a.example"
OF_HOST = {"daphne": ("--of-host", "FLO-01")}  # its `send` never waits, whatever the client reads
UNIVERSAL = ("--profile", "universal")
APP = "tests.clients.obedient_app:app"
PROMPTS = ("What's the weather?", "Fail.", "Ask me.")
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
    print("── in this process", flush=True)
    findings = judge("asgi", "examples.event_stream_alone:app")
    print("\n── each dialect, for all clients at once", flush=True)
    findings += sum(universal(*each) for prompt in PROMPTS for each in asked(prompt).items())
    for host, command in (HOSTS | (OTHER_HOSTS if thorough else {})).items():
        print(f"\n── under {host}", flush=True)
        findings += emit(host, command, "30" if thorough else "5")
        findings += check(host, command)
        if thorough and host in HOSTS:
            findings += converse(host, command)
    print("\nEverything holds." if not findings else f"\n{findings} runs have findings.")
    return min(findings, 1)


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


def universal(path: str, body: Any) -> int:
    """What one dialect streams, by the profile that the clients of all of them can read."""
    request = ("--method", "POST", "--path", path, "--content", json.dumps(body))
    return judge("asgi", APP, *request, *UNIVERSAL, "--select", "UNI-*", "--fast")


def emit(host: str, command: tuple[str, ...], budget: str) -> int:
    """What our event stream emits."""
    port = free_port()
    adapter = arguments(host, command, port, "with_asgi_agent:app")
    with run(adapter, port, directory=ADAPTERS) as served:
        return judge(
            "emit", f"{served.url}/emit", "--budget", budget, "--ci", *OF_HOST.get(host, ())
        )


def check(host: str, command: tuple[str, ...]) -> int:
    """What our application streams, at rest and to other origins."""
    port = free_port()
    with run(arguments(host, command, port, "tests.apps:assistant_app"), port) as served:
        asked = httpx.post(f"{served.url}/ask", json={"prompt": "Hello!"}).json()
        url = f"{served.url}{asked['stream_url']}"
        return judge("check", url, "--cors", ORIGIN, "--claim", "cors", *UNIVERSAL)


def converse(host: str, command: tuple[str, ...]) -> int:
    """What our application says on a WebSocket. Its handshake is the host program's."""
    port = free_port()
    with run(arguments(host, command, port, "tests.apps:assistant_app"), port) as served:
        return judge("ws", f"{served.ws_url}/ws", "--profile", "agent", "--of-host", "WS-02")


def arguments(host: str, command: tuple[str, ...], port: int, app: str) -> list[str]:
    """The command line of the host program."""
    bind = ["--bind", f"127.0.0.1:{port}"] if host == "hypercorn" else ["--port", str(port)]
    return [sys.executable, "-m", *command, *bind, app]


def judge(*command: str) -> int:
    """Run the suite; 1 if it does not end well. Only then all that it has said is shown."""
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
    print("\n".join(shown), flush=True)
    return 1 if ended.returncode else 0


if __name__ == "__main__":
    sys.exit(main())
