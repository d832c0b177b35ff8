"""A server that does all that the suite requires, in the plainest way: what mutants are made of.

`/stream` is an endless stream for `check`, and `/emit` keeps the emit contract. A mutant is a
subclass: each thing that can be wrong is a method or an attribute of its own.
"""

import asyncio
import json
import re
from collections.abc import AsyncGenerator
from contextlib import AbstractContextManager, aclosing
from time import perf_counter
from typing import Any, ClassVar

from .http import Asked, Fields, Refused, Wire, date, decoded_script, response_head
from .script import Abrupt, Op, Run, Script, ScriptError, fault, read_script
from .serving import cancelled, in_thread, serve_forever

LINE_END = re.compile("\r\n|\r|\n")
KNOWN_METHODS = {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"}


class Out:
    """The body of one stream, block by block."""

    def __init__(self, wire: Wire, *, is_chunked: bool, patience: float = 30.0) -> None:
        self.wire = wire
        self.is_chunked = is_chunked
        self.patience = patience

    async def send(self, block: bytes) -> None:
        """Send one block at once, and wait until the client has kept up, but not for ever."""
        try:
            async with asyncio.timeout(self.patience):
                await self.wire.write(self.framed(block))
        except TimeoutError:
            self.wire.abort()
            raise

    def end(self) -> None:
        """RFC 9112, 7.1: the last chunk tells a whole response from one that broke off."""
        if self.is_chunked:
            self.wire.write_now(b"0\r\n\r\n")

    def framed(self, block: bytes) -> bytes:
        """The block as one chunk, if the body is chunked."""
        return b"%x\r\n%b\r\n" % (len(block), block) if self.is_chunked else block


class Golden:
    """The server. An instance serves once."""

    name = "golden"
    origins: ClassVar[frozenset[str]] = frozenset({"https://a.example"})  # who may read the streams
    capabilities: ClassVar[tuple[str, ...]] = (
        *("comment", "retry", "sleep", "raise", "flood", "resume", "stats", "close", "overload"),
    )
    heartbeat_block = b":\n\n"
    out_type: type[Out] = Out
    run_type: type[Run] = Run
    patience = 30.0  # seconds for which a client may read nothing
    methods: tuple[str, ...] = ("GET", "HEAD", "OPTIONS")  # what is allowed on a stream
    known_ids = 1000  # of the last events of a run; who asks for an older one is told so

    def __init__(
        self, *, heartbeat: float = 15.0, interval: float = 1.0, events: int | None = None
    ) -> None:
        self.heartbeat = heartbeat  # seconds of silence
        self.interval = interval  # seconds between the events of /stream
        self.events = events  # as many has /stream; None: without end
        self.open = 0  # streams
        self.begun = 0  # scripts
        self.runs: dict[tuple[str | None, str], Run] = {}

    # ── what is answered ────────────────────────────────────────────────────────────────────

    async def answer(self, asked: Asked, wire: Wire) -> bool:
        """Answer one request; whether another one may follow on this connection."""
        if asked.method not in KNOWN_METHODS:
            # RFC 9110, 9.1: an origin server that does not know a method "SHOULD respond with the
            # 501 (Not Implemented) status code"; 15.5.6: one that knows and refuses it "MUST
            # generate an Allow header field".
            raise Refused(501, "an unknown method")
        methods = {"/stream": self.methods, "/emit": (*self.methods, "POST")}.get(asked.path)
        if methods is None:
            raise Refused(404, "there are /stream and /emit")
        if asked.method not in methods:
            raise Refused(405, "not here", [("Allow", ", ".join(methods))])
        if asked.method == "OPTIONS":
            return await self.options(asked, wire, methods)
        if asked.path == "/stream":
            return await self.passive(asked, wire)
        return await self.emit(asked, wire)

    async def options(self, asked: Asked, wire: Wire, methods: tuple[str, ...]) -> bool:
        """Tell what is possible, and start nothing."""
        fields = [("Allow", ", ".join(methods)), *self.preflight_fields(asked, methods)]
        return await self.respond(asked, wire, 204, fields)

    async def passive(self, asked: Asked, wire: Wire) -> bool:
        """The endless stream, or the finite one, which 204 ends for good."""
        last = asked.last_event_id or ""
        after = int(last) if last.isascii() and last.isdigit() and len(last) < 10 else 0
        if self.events is not None and after >= self.events:
            return await self.respond(asked, wire, 204, [])
        return await self.stream(asked, wire, self.ticks(after))

    async def ticks(self, after: int) -> AsyncGenerator[bytes, None]:
        """The events of /stream."""
        number = after
        while self.events is None or number < self.events:
            number += 1
            yield self.encode({"data": f"tick {number}", "event": "tick", "id": str(number)})
            await asyncio.sleep(self.interval)

    # ── the emit contract ───────────────────────────────────────────────────────────────────

    async def emit(self, asked: Asked, wire: Wire) -> bool:
        """Say what can be emitted, what is open, or emit a script."""
        if asked.parameter("stats") is not None:
            return await self.respond_json(asked, wire, self.stats())
        parameter = asked.parameter("script")
        if asked.method != "POST" and parameter is None:
            return await self.respond_json(asked, wire, self.about())
        content = asked.content if asked.method == "POST" else decoded_script(parameter or "")
        script = read_script(content, self.refusal)
        if any("overload" in operation for operation in script.operations):
            return await self.overloaded(asked, wire)
        if asked.method == "HEAD":
            return await self.stream(asked, wire, self.work(script))
        if script.run is None:
            self.begun += 1
            return await self.stream(asked, wire, self.work(script))
        return await self.resume(asked, wire, script, script.run)

    async def overloaded(self, asked: Asked, wire: Wire) -> bool:
        """There is too much to do."""
        raise Refused(503, "too many streams", [("Retry-After", "5")])

    def about(self) -> dict[str, Any]:
        """The capabilities, as the contract has them."""
        about = {"conformance": 1, "name": self.name, "version": "1", "data": "text"}
        return {**about, "capabilities": list(self.capabilities)}

    def stats(self) -> dict[str, int]:
        return {"open": self.open, "runs": self.begun}

    def refusal(self, op: Op) -> str | None:
        """Why this operation is not emitted; None if it is."""
        return fault(op)

    async def resume(self, asked: Asked, wire: Wire, script: Script, name: str) -> bool:
        """Go on with the run where the client has it, or begin it."""
        run = self.run(asked, script, name)
        place = self.place(run, asked.last_event_id)
        if run.is_ended and place >= run.end > 0:
            # WHATWG HTML 9.2.1: "Clients will reconnect if the connection is closed; a client can
            # be told to stop reconnecting using the HTTP 204 No Content response code."
            return await self.respond(asked, wire, 204, [])
        return await self.stream(asked, wire, run.follow(place))

    def run(self, asked: Asked, script: Script, name: str) -> Run:
        """The run of this name that belongs to this caller. It is begun once."""
        key = (self.principal(asked), name)
        if key not in self.runs:
            self.begun += 1
            self.runs[key] = self.run_type(self.identified(script), self.known_ids)
        return self.runs[key]

    def principal(self, asked: Asked) -> str | None:
        """On whose behalf the request is made."""
        return asked.value("authorization")

    def place(self, run: Run, last_event_id: str | None) -> int:
        """Where a client goes on who has this last event ID."""
        if not last_event_id:
            return 0
        place = run.after(last_event_id)
        if place is None:
            raise Refused(410, "what follows this event ID is not known, or no longer")
        return place

    async def identified(self, script: Script) -> AsyncGenerator[tuple[str | None, bytes], None]:
        """The blocks of the script, each with the ID that it sets."""
        for op in script.operations:
            async with aclosing(self.perform(op)) as blocks:
                async for block in blocks:
                    yield op.get("id"), block

    async def work(self, script: Script) -> AsyncGenerator[bytes, None]:
        """The blocks of the script."""
        for op in script.operations:
            async with aclosing(self.perform(op)) as blocks:
                async for block in blocks:
                    yield block

    async def perform(self, op: Op) -> AsyncGenerator[bytes, None]:
        """Do what one operation says."""
        match op:
            case {"sleep": time}:
                await asyncio.sleep(time / 1000)
            case {"raise": _}:
                raise ScriptError
            case {"close": _}:
                raise Abrupt
            case {"flood": {"n": n, "size": size}}:
                async with aclosing(self.flood(n, size)) as blocks:
                    async for block in blocks:
                        yield block
            case {"comment": text}:
                yield self.comment(text)
            case _:
                yield self.encode(op)

    async def flood(self, n: int, size: int) -> AsyncGenerator[bytes, None]:
        """As many events of about this size, each with its number and when it was made."""
        began = perf_counter()
        for number in range(n):
            stamp = f"{number} {(perf_counter() - began) * 1000:.0f} "
            yield self.encode({"data": stamp + "x" * (size - len(stamp))})

    def encode(self, op: Op) -> bytes:
        """The event as a block."""
        lines: list[str] = []
        if "id" in op:
            lines.append(f"id: {op['id']}")
        if op.get("event", "message") not in {"", "message"}:
            lines.append(f"event: {op['event']}")
        if "retry" in op:
            lines.append(f"retry: {op['retry']}")
        if "data" in op:
            lines += (f"data: {line}" for line in LINE_END.split(op["data"]))
        return "\n".join([*lines, "", ""]).encode()

    def comment(self, text: str) -> bytes:
        """The text as comment lines, and a blank one."""
        return "\n".join([*(f": {line}" for line in LINE_END.split(text)), "", ""]).encode()

    # ── a stream ────────────────────────────────────────────────────────────────────────────

    async def stream(self, asked: Asked, wire: Wire, blocks: AsyncGenerator[bytes, None]) -> bool:
        """Answer with these blocks. They are closed in every case, and for HEAD never started."""
        is_chunked = asked.http == "1.1"
        out = self.out_type(wire, is_chunked=is_chunked, patience=self.patience)
        fields = self.stream_fields(asked)
        if asked.method == "HEAD":
            await wire.write(response_head(200, fields))
            return asked.stays
        work = asyncio.ensure_future(self.produce(out, blocks, response_head(200, fields)))
        try:
            return await self.supervise(wire, work) and is_chunked and asked.stays
        except asyncio.CancelledError:  # the server is shutting down
            out.end()
            raise

    async def produce(self, out: Out, blocks: AsyncGenerator[bytes, None], head: bytes) -> bool:
        """Count it as open while it goes on."""
        self.open += 1
        try:
            return await self.deliver(out, blocks, head)
        finally:
            self.open -= 1

    async def deliver(self, out: Out, blocks: AsyncGenerator[bytes, None], head: bytes) -> bool:
        """Send the head and the blocks; whether the response was completed."""
        async with aclosing(blocks):
            await out.wire.write(head)  # at once, before there is a first event
            try:
                async with aclosing(self.with_heartbeats(blocks)) as all_blocks:
                    async for block in all_blocks:
                        await out.send(block)
            except ScriptError:
                return self.failed(out)
            except Abrupt:
                return False
        out.end()
        return True

    def failed(self, out: Out) -> bool:
        """The source has failed: the response breaks off, and says nothing about the reason."""
        return False

    async def with_heartbeats(
        self, blocks: AsyncGenerator[bytes, None]
    ) -> AsyncGenerator[bytes, None]:
        """The blocks, and a heartbeat whenever there was none for a while."""
        upcoming = asyncio.ensure_future(anext(blocks, None))
        try:
            while True:
                done, _ = await asyncio.wait((upcoming,), timeout=self.heartbeat)
                if not done:
                    yield self.heartbeat_block
                elif (block := upcoming.result()) is not None:
                    yield block
                    upcoming = asyncio.ensure_future(anext(blocks, None))
                else:
                    return
        finally:
            await cancelled(upcoming)

    async def supervise(self, wire: Wire, work: asyncio.Future[bool]) -> bool:
        """Wait until it is done, or the client has left; whether the response was completed."""
        gone = asyncio.ensure_future(wire.gone())
        try:
            await asyncio.wait((work, gone), return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                await self.on_disconnect(work)
            return work.done() and not work.cancelled() and work.result()
        except OSError:
            return False
        finally:
            await cancelled(gone)
            await self.on_disconnect(work)

    async def on_disconnect(self, work: asyncio.Future[bool]) -> None:
        """Nobody reads any more: stop the producer, and wait until it has stopped."""
        await cancelled(work)

    # ── heads, and responses that are no streams ────────────────────────────────────────────

    def stream_fields(self, asked: Asked) -> Fields:
        """The fields of a stream."""
        fields = [
            ("Date", date()),
            ("Content-Type", "text/event-stream"),
            ("Cache-Control", "no-cache, no-transform"),
            ("X-Accel-Buffering", "no"),
            ("X-Content-Type-Options", "nosniff"),
            *self.cors_fields(asked),
        ]
        if asked.http == "1.1":
            fields.append(("Transfer-Encoding", "chunked"))
        return [*fields, *self.connection_fields(asked)]

    def cors_fields(self, asked: Asked) -> Fields:
        """Who may read it: Fetch, 3.3."""
        origin = asked.value("origin")
        allowed = [("Access-Control-Allow-Origin", origin)] if origin in self.origins else []
        return [*((name, value or "") for name, value in allowed), ("Vary", "Origin")]

    def preflight_fields(self, asked: Asked, methods: tuple[str, ...]) -> Fields:
        """What an OPTIONS that is a preflight asks for."""
        if asked.value("access-control-request-method") is None:
            return []
        return [
            ("Access-Control-Allow-Methods", ", ".join(methods)),
            ("Access-Control-Allow-Headers", "Content-Type, Last-Event-ID"),
            ("Access-Control-Max-Age", "600"),
        ]

    def connection_fields(self, asked: Asked) -> Fields:
        return [] if asked.stays else [("Connection", "close")]

    async def respond(
        self, asked: Asked, wire: Wire, status: int, fields: Fields, content: bytes = b""
    ) -> bool:
        """A response that is complete at once; whether another may follow."""
        fields = [("Date", date()), *fields, *self.cors_fields(asked)]
        if status != 204:  # RFC 9110, 8.6: no Content-Length "with a status code of 204"
            fields.append(("Content-Length", str(len(content))))
        head = response_head(status, [*fields, *self.connection_fields(asked)])
        await wire.write(head if asked.method == "HEAD" else head + content)
        return asked.stays

    async def respond_json(self, asked: Asked, wire: Wire, value: dict[str, Any]) -> bool:
        fields = [("Content-Type", "application/json"), ("Cache-Control", "no-store")]
        return await self.respond(asked, wire, 200, fields, json.dumps(value).encode())

    async def refuse(self, asked: Asked, wire: Wire, refused: Refused) -> bool:
        """An error, before anything of a stream was sent."""
        fields = [*refused.fields, ("Content-Type", "text/plain; charset=utf-8")]
        return await self.respond(asked, wire, refused.status, fields, refused.reason.encode())

    # ── connections ─────────────────────────────────────────────────────────────────────────

    async def connection(self, wire: Wire) -> None:
        """Serve one connection, request after request."""
        stays = True
        while stays:
            asked = UNREADABLE
            try:
                upcoming = await wire.request()
                if upcoming is None:
                    return
                asked = upcoming
                stays = await self.answer(asked, wire)
            except Refused as refused:
                stays = await self.refuse(asked, wire, refused)

    async def serve(self, host: str, port: int) -> None:
        """Serve for ever, or until SIGTERM if this is the main thread."""
        await serve_forever(host, port, self.connection)

    def served(self) -> AbstractContextManager[str]:
        """Serve on a free port in a thread: `with Golden().served() as url`, without a path."""
        return in_thread(self.connection)


# What cannot be read is answered as this would be.
UNREADABLE = Asked(method="GET", target="/", http="1.1", fields=(("connection", "close"),))
