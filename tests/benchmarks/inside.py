"""What is measured without a host: the encoders (W7), and `send` that does nothing.

Nothing is noisy here but the processor itself: this is the guard to watch between two commits.
"""

import asyncio
import json
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from sse_starlette import ServerSentEvent

from asgi_agent import Event
from asgi_agent.asgi import Message, Scope
from asgi_agent.dialects.bond import BondEventStream
from asgi_agent.events import Text, encode

from .apps import SUBJECTS
from .interleave import Result, Sample, compare, interleave
from .script import TOKEN, Script
from .trials import Size
from .workloads import STREAMS

BATCH = 64
TOKENS = [TOKEN] * BATCH


def by_hand() -> None:
    for number, token in enumerate(TOKENS):
        data = json.dumps({"content": token})
        f"id: 1-{number}\nevent: text\ndata: {data}\n\n".encode()


def by_product() -> None:
    kept = [encode(Text(token)) for token in TOKENS]
    BondEventStream().encode(1, 1, kept)


def by_dialect() -> None:
    BondEventStream().encode(1, 1, KEPT)


def by_event() -> None:
    for number, token in enumerate(TOKENS):
        Event(json.dumps({"content": token}), event="text", id=f"1-{number}").encode()


def by_sse_starlette() -> None:
    for number, token in enumerate(TOKENS):
        data = json.dumps({"content": token})
        ServerSentEvent(data, event="text", id=f"1-{number}", sep="\n").encode()


KEPT = [encode(Text(TOKEN))] * BATCH
ENCODERS: dict[str, Callable[[], None]] = {
    "f-string": by_hand,
    "product": by_product,
    "product, replay": by_dialect,
    "event": by_event,
    "sse-starlette": by_sse_starlette,
}


def encoders(size: Size) -> list[Result]:
    """W7: the nanoseconds that a token event with its ID takes, in batches."""
    trials = {name: partial(_encode, batch, size.of(400)) for name, batch in ENCODERS.items()}
    samples = interleave(trials, size.rounds, warm_up=size.warm_up)
    return compare("W7 encode", "ns/event", samples, {"product": 0.15})


def null_host(size: Size) -> list[Result]:
    """The nanoseconds an event takes in a burst, where sending is free."""
    script = Script(size.of(20_000), gated=False)
    trials = {name: partial(_stream, name, script) for name in STREAMS}
    return compare(
        "null host", "ns/event", interleave(trials, size.rounds, warm_up=size.warm_up), {}
    )


def _encode(batch: Callable[[], None], batches: int) -> Sample:
    began = time.process_time_ns()
    for _ in range(batches):
        batch()
    return {"ns": (time.process_time_ns() - began) / batches / BATCH}


def _stream(subject: str, script: Script) -> Sample:
    return {"ns": asyncio.run(_streamed(subject, script)) / script.count}


async def _streamed(subject: str, script: Script) -> int:
    app: Any = SUBJECTS[subject]
    path = f"/{script}"
    began = time.process_time_ns()
    if subject == "product":
        asked = Client(json.dumps({"prompt": str(script)}).encode())
        await app(_request("POST", "/ask"), asked.receive, asked.send)
        path = json.loads(asked.answer)["stream_url"]
    client = Client()
    await app(_request("GET", path), client.receive, client.send)
    return time.process_time_ns() - began


class Client:
    """Asks once, waits for ever, and takes whatever it is sent."""

    def __init__(self, body: bytes = b"") -> None:
        self._body: bytes | None = body
        self.answer = b""

    async def receive(self) -> Message:
        if self._body is None:
            await asyncio.get_running_loop().create_future()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(self, message: Message) -> None:
        self.answer = message.get("body", b"")


def _request(method: str, path: str) -> Scope:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"content-type", b"application/json")],
    }
