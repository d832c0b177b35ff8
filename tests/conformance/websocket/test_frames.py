"""Frames as bytes: RFC 6455, 5.2. wsproto is the second reader and writer."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from wsproto.frame_protocol import FrameDecoder

from sse_conformance.wire.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    TEXT,
    FrameReader,
    RawFrame,
    close_code,
    close_payload,
    fragments,
    masked,
)

FRAMES = st.builds(
    RawFrame,
    opcode=st.integers(0, 15),
    payload=st.one_of(st.binary(max_size=130), st.sampled_from((bytes(65_535), bytes(65_536)))),
    fin=st.booleans(),
    rsv=st.integers(0, 7),
    masked=st.booleans(),
)


@pytest.mark.parametrize(
    ("frame", "written"),
    [
        # 5.7: the examples
        (RawFrame(opcode=TEXT, payload=b"Hello", masked=False), "81 05 48 65 6c 6c 6f"),
        (RawFrame(opcode=TEXT, payload=b"Hel", fin=False, masked=False), "01 03 48 65 6c"),
        (RawFrame(opcode=CONTINUATION, payload=b"lo", masked=False), "80 02 6c 6f"),
        (RawFrame(opcode=PING, payload=b"Hello", masked=False), "89 05 48 65 6c 6c 6f"),
    ],
)
def test_the_examples_of_the_specification_are_written_and_read(
    frame: RawFrame, written: str
) -> None:
    assert frame.encode().hex(" ") == written
    assert FrameReader().feed(bytes.fromhex(written)) == [frame]


def test_a_masked_frame_is_that_of_the_specification() -> None:
    frame = RawFrame(opcode=TEXT, payload=b"Hello")
    written = "81 85 37 fa 21 3d 7f 9f 4d 51 58"
    assert frame.encode(key=bytes.fromhex("37fa213d")).hex(" ") == written
    assert FrameReader().feed(bytes.fromhex(written)) == [frame]


@pytest.mark.parametrize(
    ("size", "head"),
    [
        (125, "82 7d"),
        (126, "82 7e 00 7e"),
        (65_535, "82 7e ff ff"),
        (65_536, "82 7f 00 00 00 00 00 01 00 00"),
    ],
)
def test_a_length_takes_as_few_bytes_as_can_be(size: int, head: str) -> None:
    written = RawFrame(opcode=BINARY, payload=bytes(size), masked=False).encode()
    assert written[: -size or None].hex(" ") == head


def test_a_frame_can_announce_more_than_it_has() -> None:
    head = RawFrame(opcode=TEXT, masked=False).encode(length=1 << 40)
    assert head.hex(" ") == "81 7f 00 00 01 00 00 00 00 00"
    assert FrameReader().feed(head) == []


@given(st.lists(FRAMES, max_size=4), st.integers(1, 20))
@example([RawFrame(opcode=PING), RawFrame(opcode=TEXT, payload=b"x" * 126)], 1)
def test_what_is_written_is_read_wherever_it_is_cut(frames: list[RawFrame], size: int) -> None:
    data = b"".join(frame.encode() for frame in frames)
    size = max(size, len(data) // 500)
    reader = FrameReader()
    read: list[RawFrame] = []
    for start in range(0, len(data), size):
        read += reader.feed(data[start : start + size])
    assert read == frames


@given(st.sampled_from((TEXT, BINARY, PING)), st.binary(max_size=125))
def test_wsproto_reads_the_legal_ones_likewise(opcode: int, payload: bytes) -> None:
    decoder = FrameDecoder(client=False)
    decoder.receive_bytes(RawFrame(opcode=opcode, payload=payload).encode())
    frame = decoder.process_buffer()
    assert frame is not None
    assert (frame.opcode, frame.payload, frame.message_finished) == (opcode, payload, True)


@given(st.binary(max_size=50), st.binary(min_size=4, max_size=4))
@example(b"", b"1234")
def test_a_mask_put_on_twice_is_none(payload: bytes, key: bytes) -> None:
    assert masked(masked(payload, key), key) == payload
    assert masked(payload, bytes(4)) == payload


def test_a_message_is_cut_into_fragments() -> None:
    assert [(each.opcode, each.payload, each.fin) for each in fragments(b"a", b"", b"b")] == [
        (TEXT, b"a", False),
        (CONTINUATION, b"", False),
        (CONTINUATION, b"b", True),
    ]
    assert fragments(b"whole") == [RawFrame(opcode=TEXT, payload=b"whole")]


@pytest.mark.parametrize("code", [0, 1000, 4999, 65_535, None])
def test_a_close_carries_its_code(code: int | None) -> None:
    assert close_code(close_payload(code)) == code
    assert close_code(close_payload(code, b"bye" if code is not None else b"")) == code


def test_half_a_code_is_none() -> None:
    assert close_code(b"\x03") is None
    assert RawFrame(opcode=CLOSE, payload=b"\x03\xe8").encode(key=bytes(4)).endswith(b"\x03\xe8")
