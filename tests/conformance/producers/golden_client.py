"""Asks the golden server for something, and gives what came."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from sse_conformance.mutants.golden import Golden
from sse_conformance.script import request_for
from sse_conformance.transcript import Exchange, Operation, Request
from sse_conformance.wire.http1 import record
from sse_conformance.wire.place import Pairs, ask


class Client:
    def __init__(self, url: str) -> None:
        self.url = url

    def get(self, path: str, *fields: tuple[str, str]) -> Exchange:
        return self.ask(path, fields=fields)

    def ask(
        self,
        path: str,
        *,
        method: str = "GET",
        fields: Pairs = (),
        seconds: float = 3.0,
        content: bytes = b"",
        without: tuple[str, ...] = (),
        http: str = "1.1",
    ) -> Exchange:
        url = self.url + path
        assert http in ("1.0", "1.1")
        request = ask(
            url,
            method=method,
            fields=fields,
            content=content,
            without=without,
            http="1.0" if http == "1.0" else "1.1",
        )
        return record(url, request, seconds=seconds)

    def emit(
        self, *script: Operation, run: str = "", fields: Pairs = (), method: str = ""
    ) -> Exchange:
        url = f"{self.url}/emit"
        return record(url, request_for(url, script, run=run, fields=fields, method=method))

    def say(self, content: bytes) -> Exchange:
        return self.ask("/emit", method="POST", content=content)

    def raw(self, request: bytes) -> Exchange:
        return record(self.url, Request(target="/"), raw=request, seconds=3.0)

    def stats(self) -> dict[str, int]:
        counts: dict[str, int] = json.loads(self.get("/emit?stats=1").content)
        return counts


@contextmanager
def client(server: Golden | None = None) -> Iterator[Client]:
    with (server or Golden()).served() as url:
        yield Client(url)
