"""Streams with one thing wrong in their bytes: the golden server's, rewritten block by block."""

from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from typing import TypeAlias

from ..transcript import Exchange, Piece, Record
from .alter import altered, with_profile
from .golden import Golden
from .registry import mutant

BOM = b"\xef\xbb\xbf"
LAST = 2  # the number of the last block of a sound stream, counted from 0
Rewrite: TypeAlias = Callable[[int, bytes], bytes]  # of a block with this number


class Rewritten(Golden):
    """Writes each block of its stream as it is told."""

    def __init__(self, rewrite: Rewrite) -> None:
        super().__init__(events=LAST + 1, interval=0.1)
        self._rewrite = rewrite

    async def ticks(self, after: int) -> AsyncGenerator[bytes, None]:
        number = after
        async for block in super().ticks(after):
            yield self._rewrite(number, block)
            number += 1


def rewritten(rewrite: Rewrite) -> Record:
    """The sound record, with these blocks in the place of its stream's."""

    def of_exchange(get: Exchange) -> Exchange:
        pieces = [
            Piece(get.arrival(block.offset), rewrite(number, _block(get, number)))
            for number, block in enumerate(get.stream.blocks)
        ]
        return replace(get, body=tuple(pieces))

    return altered("get", of_exchange)


def _block(get: Exchange, number: int) -> bytes:
    return get.content.split(b"\n\n")[number] + b"\n\n"


def stream_mutant(requirement: str, defect: str) -> Callable[[Rewrite], Rewrite]:
    """Register a way to write blocks."""

    def register(rewrite: Rewrite) -> Rewrite:
        mutant(requirement, defect, Rewritten(rewrite).serve)(lambda: rewritten(rewrite))
        return rewrite

    return register


@stream_mutant("ENC-01", "writes Latin-1")
def latin_1(_: int, block: bytes) -> bytes:
    return block.replace(b"data: tick", b"data: t\xefck")


@stream_mutant("ENC-01", "cuts a character")
def half_a_character(number: int, block: bytes) -> bytes:
    return block + b": \xe2\x82\n" if number == LAST else block


@stream_mutant("ENC-02", "begins with a byte order mark")
def mark(number: int, block: bytes) -> bytes:
    return block if number else BOM + block


@stream_mutant("ENC-03", "writes a byte order mark before comments")
def mark_before_comments(number: int, block: bytes) -> bytes:
    return BOM + b": next\n" + block if number else block


@stream_mutant("FRM-01", "does not end its last line")
def open_line(number: int, block: bytes) -> bytes:
    return block + b": bye" if number == LAST else block


@stream_mutant("FRM-02", "does not end its last event")
def open_event(number: int, block: bytes) -> bytes:
    return block[:-1] if number == LAST else block


@stream_mutant("FRM-03", "ends some lines in LF and others in CRLF")
def mixed_ends(number: int, block: bytes) -> bytes:
    return block.replace(b"\n", b"\r\n") if number == 1 else block


@stream_mutant("FRM-04", "ends lines in CR")
def bare_cr(_: int, block: bytes) -> bytes:
    return block.replace(b"\n", b"\r")


@stream_mutant("FLD-01", "writes a field of its own")
def own_field(_: int, block: bytes) -> bytes:
    return b"type: x\n" + block


@stream_mutant("FLD-02", "writes a field in capitals")
def capitals(_: int, block: bytes) -> bytes:
    return b"Retry: 3000\n" + block


@stream_mutant("FLD-02", "writes a space before the colon")
def padded_name(_: int, block: bytes) -> bytes:
    return b"retry : 3000\n" + block


@stream_mutant("FLD-03", "writes retry in seconds")
def retry_in_seconds(number: int, block: bytes) -> bytes:
    return block if number else b"retry: 3.5s\n" + block


@stream_mutant("FLD-04", "writes NUL into an ID")
def nul_in_id(number: int, block: bytes) -> bytes:
    return block.replace(b"id: 2", b"id: 2\0")


@stream_mutant("FLD-05", "writes an ID of 300 bytes")
def long_id(number: int, block: bytes) -> bytes:
    return block.replace(b"id: 2", b"id: " + b"2" * 300)


@stream_mutant("FLD-05", "writes a control character into an ID")
def control_in_id(number: int, block: bytes) -> bytes:
    return block.replace(b"id: 2", b"id: 2\x1b")


@stream_mutant("FLD-05", "writes a space at the end of an ID")
def space_in_id(number: int, block: bytes) -> bytes:
    return block.replace(b"id: 2", b"id: 2 ")


@stream_mutant("FLD-06", "writes two IDs")
def two_ids(_: int, block: bytes) -> bytes:
    return b"id: other\n" + block


@stream_mutant("FLD-07", "calls events message")
def called_message(_: int, block: bytes) -> bytes:
    return block.replace(b"event: tick", b"event: message")


@stream_mutant("FLD-08", "calls an event error")
def called_error(_: int, block: bytes) -> bytes:
    return block.replace(b"event: tick", b"event: error")


@stream_mutant("DSP-03", "writes events without data")
def no_data(_: int, block: bytes) -> bytes:
    return b"event: ping\n\n" + block


@stream_mutant("DSP-07", "gives all events one ID")
def one_id(_: int, block: bytes) -> bytes:
    return block.replace(b"id: 2", b"id: 1").replace(b"id: 3", b"id: 1")


def after_the_end(number: int, block: bytes) -> bytes:
    """The block, or in the middle what ends a stream of completions."""
    return block.replace(b"tick 2", b"[DONE]")


@mutant("DSP-06", "goes on after the last event", Rewritten(after_the_end).serve)
def goes_on() -> Record:
    return with_profile(rewritten(after_the_end), "openai")
