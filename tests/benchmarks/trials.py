"""One round of one subject, of each kind of workload, over real connections.

An event costs what the server process uses between the opening of the gate, when all streams are
open and idle, and the end of the last of them, divided by the events that arrived. What a request
costs besides is in `short`, which has no gate.
"""

import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import repeat

from .interleave import Sample
from .reader import Connections, get, post, text_message, upgrade
from .script import Script
from .servers import Server, Servers, serve
from .taps import Latencies, Received

END_OF_CHUNKS = b"0\r\n\r\n"  # RFC 9112, 7.1: the last chunk, without trailers
MESSAGE, DONE = b'{"t":"text","c":"tok"}', b'{"t":"done"}'
PERIOD = 0.02  # seconds between the tokens of a paced client


@dataclass(frozen=True, slots=True)
class Size:
    """How much of a workload is run."""

    rounds: int
    share: float = 1.0  # of the events, clients and seconds
    warm_up: bool = True

    def of(self, number: int) -> int:
        return max(2, round(number * self.share))


def streamed(
    servers: Servers, subject: str, size: Size, *, clients: int, count: int, every: int = 0
) -> Sample:
    """Clients with a stream of their own each, whose producers wait for nothing but their turn."""
    script = Script(size.of(count), every)
    scripts = [script] * (size.of(clients) if clients > 1 else 1)
    server = servers[subject]
    return _gated(server, _paths(server, subject, scripts), script.count)


def paced(servers: Servers, subject: str, size: Size, *, clients: int, count: int) -> Sample:
    """Clients whose producers say a token every 20 ms, out of step with each other."""
    number, each = size.of(clients), size.of(count)
    scripts = [Script(each, 1, PERIOD, PERIOD * place / number) for place in range(number)]
    server = servers[subject]
    latencies = Latencies()
    sample = _gated(server, _paths(server, subject, scripts), each, latencies)
    return {**sample, "p50 us": latencies.percentile(50), "p99 us": latencies.percentile(99)}


def fanned(
    servers: Servers, subject: str, size: Size, *, followers: int, count: int, pause: float = 0.0
) -> Sample:
    """Many who follow one producer; an event is what one of them gets."""
    script = Script(size.of(count), 1 if pause else 0, pause)
    server = servers[subject]
    [path] = _paths(server, subject, [script])
    return _gated(server, [path] * size.of(followers), script.count)


def short(servers: Servers, subject: str, size: Size, *, clients: int, requests: int) -> Sample:
    """Whole requests for 20 tokens each, on connections that are kept."""
    script = Script(20, gated=False)
    request = get(f"/{script}", keep=True)
    if subject == "product":
        request = post("/api/chat/stream", json.dumps({"message": str(script)}))
    server, more, received = servers[subject], size.of(requests), Received()
    with Connections(server) as connections:
        began = server.cpu()
        for _ in range(clients):
            connections.open(request)
        connections.read_answers(END_OF_CHUNKS, received, repeat(request, more))
        cost = server.cpu() - began
    received.check((clients + more) * script.count)
    return {"us": 1e6 * cost / (clients + more)}


def socket(servers: Servers, subject: str, size: Size, *, count: int, every: int = 0) -> Sample:
    """One WebSocket, JSON text messages."""
    script = Script(size.of(count), every, gated=False)
    server, received = servers[subject], Received(MESSAGE)
    with Connections(server) as connections:
        connections.open(upgrade("/ws"))
        connections.hear_all()
        began = server.cpu()
        connections.send(text_message(json.dumps({"prompt": str(script)})))
        connections.read_answers(DONE, received)
        cost = server.cpu() - began
    received.check(script.count)
    return {"us": 1e6 * cost / script.count}


def idle_memory(_: Servers, subject: str, size: Size, *, clients: int) -> Sample:
    """What the server process grows by, for each stream in which nothing happens."""
    with serve(subject) as server, Connections(server) as connections:
        _open_idle(server, connections, subject, max(1, size.of(clients) // 50))  # warm up
        before, number = server.rss, size.of(clients)
        _open_idle(server, connections, subject, number)
        return {"kB": (server.rss - before) / 1024 / number}


def heartbeats(_: Servers, subject: str, size: Size, *, clients: int, seconds: int) -> Sample:
    """What one heartbeat costs, without what the server costs with nobody there."""
    duration = max(1.2, seconds * size.share)
    with serve(subject, heartbeat_seconds=1) as server, Connections(server) as connections:
        nobody = server.cpu()
        time.sleep(duration)
        nobody = server.cpu() - nobody
        _open_idle(server, connections, subject, size.of(clients))
        began = server.cpu()
        beats = connections.reads_in(duration)
        return {"us": 1e6 * (server.cpu() - began - nobody) / beats}


def _open_idle(server: Server, connections: Connections, subject: str, clients: int) -> None:
    for path in _paths(server, subject, [Script(0)] * clients):
        connections.open(get(path))
    connections.hear_all()


def _paths(server: Server, subject: str, scripts: list[Script]) -> Iterator[str]:
    """Where the streams are; of the product, after a POST /ask for each."""
    for script in scripts:
        yield server.prompt(script) if subject == "product" else f"/{script}"


def _gated(server: Server, paths: Iterable[str], count: int, tap: Received | None = None) -> Sample:
    received = tap or Received()
    with Connections(server) as connections:
        for path in paths:
            connections.open(get(path))
        connections.hear_all()
        events = len(connections) * count
        began = server.cpu()
        server.go()
        connections.read_to_end(received)
        cost = server.cpu() - began
    received.check(events)
    return {"us": 1e6 * cost / events, "reader": connections.load}
