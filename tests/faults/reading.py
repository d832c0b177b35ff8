"""A client that comes back until it has all: what EventSource does, and what it must be given."""

import asyncio
import contextlib
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from asgi_agent.sse import Event, EventStreamDecoder

TERMINAL = ("complete", "error", "cancelled")
PAUSE = 0.05  # seconds until it comes back


@dataclass
class Read:
    """What one client has read of one run."""

    session_id: str
    events: list[Event] = field(default_factory=list[Event])
    connections: int = 0
    refusals: list[int] = field(default_factory=list[int])  # the statuses that were not 200

    @property
    def told(self) -> list[tuple[str | None, str, str]]:
        """What the events say, wherever a connection began among them."""
        return [(each.id, each.event, each.data) for each in self.events]

    @property
    def last_id(self) -> str:
        return self.events[-1].id or "" if self.events else ""

    @property
    def is_over(self) -> bool:
        return bool(self.events) and self.events[-1].event in TERMINAL

    @property
    def numbers(self) -> list[int]:
        """The numbers that the agent has said, in the order in which they were read."""
        texts = [json.loads(each.data)["content"] for each in self.events if each.event == "text"]
        return [int(number) for number in "".join(texts).split()]

    @property
    def outcome(self) -> str:
        """`complete`, or the code of the error."""
        last = self.events[-1]
        return json.loads(last.data).get("code", last.event) if self.is_over else "nothing"

    def check(self) -> None:
        """Nothing lost, nothing twice, nothing out of order; one terminal event, the last."""
        seqs = [int((each.id or "0-0").partition("-")[2]) for each in self.events]
        assert seqs == list(range(1, len(seqs) + 1)), (self.session_id, seqs)
        assert [each.event in TERMINAL for each in self.events] == [False] * (len(seqs) - 1) + [
            True
        ], self.events[-3:]
        assert self.numbers == list(range(len(self.numbers))), self.numbers
        assert 404 not in self.refusals, (self.session_id, self.refusals)


async def ask(port: int, numbers: int, pause: float, key: str | None = None) -> str:
    """Ask, also of a server that is just being started; the session."""
    body = json.dumps({"prompt": f"{numbers} {pause}"})
    headers = f"content-type: application/json\r\ncontent-length: {len(body)}\r\n"
    if key is not None:
        headers += f'idempotency-key: "{key}"\r\n'
    while True:
        try:
            status, content = await request(port, f"POST /ask HTTP/1.0\r\n{headers}\r\n{body}")
        except OSError:
            status, content = 0, b""
        if status == 200:
            return str(json.loads(content)["session_id"])
        assert status in (0, 503), (status, content)
        assert key is not None or status == 503, "it may have been done: only a key makes it safe"
        await asyncio.sleep(PAUSE)


async def request(port: int, text: str) -> tuple[int, bytes]:
    """The status and the content; status 0 where the connection ended before."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(text.encode())
        head, _, content = (await reader.read()).partition(b"\r\n\r\n")
        return int(head.split()[1]) if head else 0, content
    finally:
        writer.close()


async def read_all(
    ports: Sequence[int], session_id: str, *, cuts: int = 0, seconds: float = 60, stall: float = 0
) -> Read:
    """Read the latest turn to its end, over as many connections as it takes.

    The first `cuts` connections are left after a random number of bytes. On the first the client
    does not read for `stall` seconds.
    """
    read = Read(session_id)
    async with asyncio.timeout(seconds):
        while not read.is_over:
            read.connections += 1
            cut = random.randrange(1, 400) if read.connections <= cuts else None
            with contextlib.suppress(OSError):
                await _read_on(random.choice(ports), read, cut, stall)
            stall = 0
            if not read.is_over:
                await asyncio.sleep(PAUSE)
    return read


async def _read_on(port: int, read: Read, cut: int | None, stall: float) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 14)
    try:
        last = f"last-event-id: {read.last_id}\r\n" if read.events else ""
        writer.write(f"GET /stream/{read.session_id} HTTP/1.0\r\n{last}\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        status = int(head.split()[1])
        if status != 200:
            read.refusals.append(status)
            return
        await asyncio.sleep(stall)
        decoder = EventStreamDecoder()
        while data := await reader.read(4096 if cut is None else cut):
            read.events += decoder.feed(data)
            if cut is not None or read.is_over:
                return
    except asyncio.IncompleteReadError:
        pass
    finally:
        writer.close()


def settle(reads: Sequence[Read]) -> dict[str, int]:
    """Check each; how many ended in which way."""
    outcomes: dict[str, int] = {}
    for each in reads:
        each.check()
        outcomes[each.outcome] = outcomes.get(each.outcome, 0) + 1
    return outcomes
