"""The Hypothesis strategies that several test modules draw from."""

from hypothesis import strategies as st

from asgi_agent.sse import LONGEST_RETRY, Comment, Event

# Text of every kind that Python can hold, lone surrogates included, with more of what is special.
wild_text = st.text(
    st.one_of(
        st.sampled_from("\r\n\0: \ufeff\v\f\x1c\x85\u2028\u2029\ud83d\ude00"),
        st.characters(),
        st.characters(categories=["Cs"]),
    ),
    max_size=20,
)

# What an event ID or an event name may be.
names = st.text(
    st.one_of(
        st.sampled_from(": \ufeff\v\x85\u2028"), st.characters(exclude_characters="\r\n\0")
    ).filter(lambda c: not "\ud800" <= c <= "\udfff"),
    max_size=8,
)

events = st.builds(
    Event,
    data=wild_text,
    event=st.one_of(st.sampled_from(["", "message"]), names),
    id=st.none() | names,
    retry=st.none() | st.integers(0, LONGEST_RETRY),
)

comments = st.builds(Comment, wild_text)

# Bytes in the shape of an event stream, and of what almost is one.
_usual_blocks = st.sampled_from(
    [
        b"data: a\n\n",
        b"data:b\r\n\r\n",
        b"event: e\ndata: c\n\n",
        b"id: 1\nevent: e\ndata: d\n\n",
        b"id:2\ndata:  e\n\n",
        b"id: 3\n\n",
        b"id\n\n",
        b"event: f\n\n",
        b"retry: 70\n\n",
        b":\n",
    ]
)
_fields = st.builds(
    lambda *parts: b"".join(parts),
    st.sampled_from([b"data", b"event", b"id", b"retry", b"Data", b"dat", b" data", b"", b"\0id"]),
    st.sampled_from([b": ", b":", b"", b":  ", b"::", b" : "]),
    st.sampled_from(
        [b"", b"x", b"y", b"7", b"007", b"1x", b"\0", b"\xff", b"\xe2\x80\xa8", b"\xe2"]
    ),
    st.sampled_from([b"\n", b"\r", b"\r\n", b"\n\n", b"\r\r", b"\r\n\r\n", b"\n\r\n", b""]),
)
_bits = st.sampled_from(
    [b"\n", b"\r", b"\xef\xbb\xbf", b"\xef\xbb", b":", b" ", b"\xf0\x9f\x98\x80"]
)
streams = st.lists(
    st.one_of(_usual_blocks, _fields, _bits, st.binary(max_size=3)), max_size=12
).map(b"".join)


@st.composite
def chunkings(draw: st.DrawFn, source: st.SearchStrategy[bytes] = streams) -> list[bytes]:
    """A stream in chunks, some of which may be empty."""
    stream = draw(source)
    cuts = sorted(draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    return [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
