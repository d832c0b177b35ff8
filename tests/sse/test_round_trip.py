"""There and back: what is encoded is decoded."""

import re
from dataclasses import replace

from hypothesis import example, given
from hypothesis import strategies as st

from asgi_agent.sse import LONGEST_RETRY, Comment, Event, EventStreamDecoder
from tests.sse.reference import Reference
from tests.strategies import chunkings, comments, events


def decode(*chunks: bytes) -> list[Event]:
    decoder = EventStreamDecoder()
    return [event for chunk in chunks for event in decoder.feed(chunk)]


def as_received(event: Event) -> Event:
    """What the wire leaves of an event: LF alone, joined pairs, no lone surrogates."""
    data = re.sub("\r\n|\r", "\n", event.data)
    data = re.sub(
        "[\ud800-\udbff][\udc00-\udfff]",
        lambda pair: chr(0x10000 + ((ord(pair[0][0]) & 0x3FF) << 10) + (ord(pair[0][1]) & 0x3FF)),
        data,
    )
    data = re.sub("[\ud800-\udfff]", "\ufffd", data)
    return replace(event, data=data, event=event.event or "message")


@given(sent=st.lists(st.one_of(events, comments), max_size=5), cuts=st.data())
@example(sent=[Event(""), Event("\n"), Event("\r\r\n\n")], cuts=None)
@example(sent=[Event(" a", " e", " 1"), Event("", "", "")], cuts=None)
@example(sent=[Event("\ufeff"), Comment("\n\ndata: a\n\n"), Comment("")], cuts=None)
@example(sent=[Event("\ud83d\ude00\ud83d")], cuts=None)
@example(sent=[Event("a", id="1", retry=LONGEST_RETRY), Event("b", id="1")], cuts=None)
@example(sent=[Event("a\u2028b\x85c", "\v", "\f")], cuts=None)
def test_what_is_encoded_is_decoded(
    sent: list[Event | Comment], cuts: st.DataObject | None
) -> None:
    stream = b"".join(item.encode() for item in sent)
    expected = [as_received(item) for item in sent if isinstance(item, Event)]
    assert decode(stream) == expected
    assert Reference(stream).events == expected
    if cuts is not None:
        assert decode(*cuts.draw(chunkings(st.just(stream)))) == expected
