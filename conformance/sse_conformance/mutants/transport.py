"""Servers that carry a stream wrongly."""

from collections.abc import AsyncGenerator
from dataclasses import replace

from ..transcript import Exchange, Head, Record, Request, Subject
from .alter import altered, driven, with_field, with_status
from .golden import Golden, Out
from .http import Asked, Fields, Wire
from .registry import mutant

QUICK = 0.03  # seconds between events


@mutant("HTTP-01", "answers 206")
def partial_content() -> Record:
    return altered("get", lambda get: with_status(get, 206))


@mutant("HTTP-02", "is text/plain")
def plain_text() -> Record:
    return altered("get", lambda get: with_field(get, "Content-Type", "text/plain"))


@mutant("HTTP-02", "has two types")
def two_types() -> Record:
    kind = "text/event-stream"
    return altered("get", lambda get: with_field(get, "Content-Type", kind, kind))


@mutant("HTTP-03", "is labelled as Latin-1")
def latin_1() -> Record:
    kind = 'text/event-stream; charset="iso-8859-1"'
    return altered("get", lambda get: with_field(get, "Content-Type", kind))


@mutant("HTTP-04", "says nothing to caches")
def may_be_cached() -> Record:
    return altered("get", lambda get: with_field(get, "Cache-Control"))


class TwoLengths(Golden):
    """Sends Content-Length besides Transfer-Encoding."""

    def stream_fields(self, asked: Asked) -> Fields:
        return [*super().stream_fields(asked), ("Content-Length", "100000")]


@mutant("HTTP-05", "has a length besides its chunks", TwoLengths().serve)
def two_lengths() -> Record:
    return driven(TwoLengths(events=3, interval=QUICK))


@mutant("HTTP-06", "promises a length")
def promised_length() -> Record:
    def promising(get: Exchange) -> Exchange:
        endless = replace(get, end="left")
        return with_field(with_field(endless, "Transfer-Encoding"), "Content-Length", "100000")

    return altered("get", promising)


class _BadOut(Out):
    def framed(self, block: bytes) -> bytes:
        return b"0x" + super().framed(block) if self.is_chunked else block


class BadChunkSizes(Golden):
    """Writes sizes of chunks that are not hexadecimal."""

    out_type = _BadOut


@mutant("HTTP-07", "writes sizes of chunks with 0x", BadChunkSizes().serve)
def bad_chunk_sizes() -> Record:
    return driven(BadChunkSizes(events=3, interval=QUICK))


class ChunksForAll(Golden):
    """Sends chunks to a client of HTTP/1.0."""

    async def stream(self, asked: Asked, wire: Wire, blocks: AsyncGenerator[bytes, None]) -> bool:
        await super().stream(replace(asked, http="1.1"), wire, blocks)
        return asked.stays


@mutant("HTTP-08", "sends chunks to HTTP/1.0", ChunksForAll().serve)
def chunks_for_all() -> Record:
    return driven(ChunksForAll(events=3, interval=QUICK))


class _EndlessOut(Out):
    def end(self) -> None:
        """Say nothing."""


class NoLastChunk(Golden):
    """Closes the connection where the last chunk is due."""

    out_type = _EndlessOut

    async def deliver(self, out: Out, blocks: AsyncGenerator[bytes, None], head: bytes) -> bool:
        await super().deliver(out, blocks, head)
        return False


@mutant("HTTP-09", "ends without a last chunk", NoLastChunk().serve)
def no_last_chunk() -> Record:
    return driven(NoLastChunk(events=3, interval=QUICK))


@mutant("HTTP-10", "has no Date")
def no_date() -> Record:
    return altered("get", lambda get: with_field(get, "Date"))


@mutant("HTTP-10", "has a Date of the old kind")
def old_date() -> Record:
    return altered("get", lambda get: with_field(get, "Date", "Sunday, 06-Nov-94 08:49:37 GMT"))


class ForgedField(Golden):
    """Puts what a client may have said into a field."""

    def stream_fields(self, asked: Asked) -> Fields:
        return [*super().stream_fields(asked), ("X-Room", "a\nSet-Cookie: forged=1")]


@mutant("HTTP-11", "has a line feed in a field", ForgedField().serve)
def forged_field() -> Record:
    return driven(ForgedField(events=3, interval=QUICK))


@mutant("HTTP-12", "is compressed for all")
def compressed_for_all() -> Record:
    return altered("get", lambda get: with_field(get, "Content-Encoding", "gzip"))


@mutant("HTTP-14", "lets proxies buffer and change it")
def may_be_buffered() -> Record:
    def bare(get: Exchange) -> Exchange:
        return with_field(with_field(get, "Cache-Control", "no-cache"), "X-Accel-Buffering")

    return altered("get", bare)


@mutant("HTTP-15", "says keep-alive over HTTP/2")
def keep_alive_over_http_2() -> Record:
    return over_http_2((b"connection", b"keep-alive"))


def over_http_2(*fields: tuple[bytes, bytes]) -> Record:
    """What an application in this process says to a client of HTTP/2."""
    exchange = Exchange(
        request=Request(target="/stream"),
        head=Head(at=0.0, status=200, http="2", fields=fields),
        end="complete",
        ended_at=0.0,
    )
    record = Record(Subject(target="module:app", mode="asgi"))
    record.add("get_http2", exchange)
    return record


@mutant("HTTP-16", "lets browsers guess its type")
def may_be_sniffed() -> Record:
    return altered("get", lambda get: with_field(get, "X-Content-Type-Options"))


@mutant("HTTP-17", "says with 204 that nothing follows")
def length_of_nothing() -> Record:
    return altered("options", lambda options: with_field(options, "Content-Length", "0"))
