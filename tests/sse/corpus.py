"""Event streams, each with the events that it carries."""

from asgi_agent.sse import LONGEST_RETRY, Event

BOM = b"\xef\xbb\xbf"
LONG = b"x" * 2048

CORPUS: dict[str, tuple[bytes, list[Event]]] = {
    # The examples of HTML 9.2.6, in their order.
    "specification 1, stock ticker": (
        b"data: YHOO\ndata: +2\ndata: 10\n\n",
        [Event("YHOO\n+2\n10")],
    ),
    "specification 2, comment, id, id cleared, leading space, end of file": (
        b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event",
        [Event("first event", id="1"), Event("second event", id="")],
    ),
    "specification 2, with the blank line that it lacks": (
        (
            b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\n"
            b"data:  third event\n\n"
        ),
        [Event("first event", id="1"), Event("second event", id=""), Event(" third event")],
    ),
    "specification 3, empty data, two empty lines, the last discarded": (
        b"data\n\ndata\ndata\n\ndata:",
        [Event(""), Event("\n")],
    ),
    "specification 4, the space after the colon is optional": (
        b"data:test\n\ndata: test\n\n",
        [Event("test"), Event("test")],
    ),
    "specification 9.2.1, two lines": (
        (
            b"data: This is the first message.\n\ndata: This is the second message, it\n"
            b"data: has two lines.\n\ndata: This is the third message.\n\n"
        ),
        [
            Event("This is the first message."),
            Event("This is the second message, it\nhas two lines."),
            Event("This is the third message."),
        ],
    ),
    "specification 9.2.1, event types": (
        b"event: add\ndata: 73857293\n\nevent: remove\ndata: 2153\n\nevent: add\ndata: 113411\n\n",
        [Event("73857293", "add"), Event("2153", "remove"), Event("113411", "add")],
    ),
    # The messages of the web platform tests, eventsource/.
    "wpt event-data": (
        (
            b"data:msg\ndata: msg\n\n:\nfalsefield:msg\n\nfalsefield:msg\nData:data\n\ndata\n\n"
            b"data:end\n\n"
        ),
        [Event("msg\nmsg"), Event(""), Event("end")],
    ),
    "wpt format-bom": (
        BOM + b"data:1\n\n" + BOM + b"data:2\n\ndata:3\n\n",
        [Event("1"), Event("3")],
    ),
    "wpt format-bom-2": (
        BOM + BOM + b"data:1\n\ndata:2\n\ndata:3\n\n",
        [Event("2"), Event("3")],
    ),
    "a UTF-16 byte order mark, little-endian": (
        b"\xff\xfedata:1\n\ndata:2\n\n",
        [Event("2")],
    ),
    "a UTF-16 byte order mark, big-endian": (b"\xfe\xffdata:1\n\ndata:2\n\n", [Event("2")]),
    "wpt format-comments": (
        b"data:1\r:\0\n:\r\ndata:2\n:" + LONG + b"\rdata:3\n:data:fail\r:" + LONG + b"\ndata:4\n\n",
        [Event("1\n2\n3\n4")],
    ),
    "wpt format-data-before-final-empty-line": (
        b"retry:1000\ndata:test1\n\nid:test\ndata:test2",
        [Event("test1", retry=1000)],
    ),
    "wpt format-field-data": (
        b"data:\n\ndata\ndata\n\ndata:test\n\n",
        [Event(""), Event("\n"), Event("test")],
    ),
    "wpt format-field-event": (
        b"event:test\ndata:x\n\ndata:x\n\n",
        [Event("x", "test"), Event("x")],
    ),
    "wpt format-field-event-empty": (b"event: \ndata:data\n\n", [Event("data")]),
    "wpt format-field-id": (
        b"id: \xe2\x80\xa6\nretry:200\ndata:hello\n\n",
        [Event("hello", id="…", retry=200)],
    ),
    "wpt format-field-id-2, an id stays": (
        b"id:\xe2\x80\xa6\ndata:1\n\ndata:2\n\n",
        [Event("1", id="…"), Event("2")],
    ),
    "wpt format-field-id-3, an empty id clears": (
        b"id:x\ndata:1\n\nid:\ndata:2\n\nid:x\ndata:3\n\nid\ndata:4\n\n",
        [Event("1", id="x"), Event("2", id=""), Event("3", id="x"), Event("4", id="")],
    ),
    **{
        f"wpt format-field-id-null, {value!r}": (
            b"id:" + value + b"\ndata:hello\n\n",
            [Event("hello")],
        )
        for value in (b"\0\0", b"x\0", b"\0x", b"x\0x", b" \0")
    },
    "wpt format-field-parsing": (
        (
            b"data:\0\ndata:  2\rData:1\ndata\0:2\ndata:1\r\0data:4\nda-ta:3\rdata_5\ndata:3\r"
            b"data:\r\n data:32\ndata:4\n\n"
        ),
        [Event("\0\n 2\n1\n3\n\n4")],
    ),
    "wpt format-field-retry": (b"retry:03000\ndata:x\n\n", [Event("x", retry=3000)]),
    "wpt format-field-retry-bogus": (
        b"retry:3000\nretry:1000x\ndata:x\n\n",
        [Event("x", retry=3000)],
    ),
    "wpt format-field-retry-empty": (b"retry\ndata:test\n\n", [Event("test")]),
    "wpt format-field-unknown": (
        b"data:test\n data\ndata\nfoobar:xxx\njustsometext\n:thisisacommentyay\ndata:test\n\n",
        [Event("test\n\ntest")],
    ),
    "wpt format-leading-space": (
        b"data:\ttest\rdata: \ndata:test\n\n",
        [Event("\ttest\n\ntest")],
    ),
    "wpt format-newlines": (b"data:test\r\ndata\ndata:test\r\n\r", [Event("test\n\ntest")]),
    "wpt format-null-character": (b"data:\0\n\n\n\n", [Event("\0")]),
    "wpt format-utf-8": (b"data:ok\xe2\x80\xa6\n\n", [Event("ok…")]),
    # Line ends.
    **{
        f"every line ends with {end!r}": (
            end.join([b"id: 1", b"event: e", b"data: a", b"data", b"data: b", b"", b""]),
            [Event("a\n\nb", "e", "1")],
        )
        for end in (b"\n", b"\r", b"\r\n")
    },
    "a block of each line end": (
        b"data: a\n\ndata: b\r\rdata: c\r\n\r\ndata: d\n\r\ndata: e\r\n\n",
        [Event("a"), Event("b"), Event("c"), Event("d"), Event("e")],
    ),
    "LF CR is two line ends": (b"data: a\n\rdata: b\n\r", [Event("a"), Event("b")]),
    "CR CRLF is two line ends": (b"data: a\r\r\ndata: b\r\r\n", [Event("a"), Event("b")]),
    "more blank lines than are needed": (
        b"\n\r\n\rdata: a\n\n\n\r\n\r\rdata: b\n\n\n",
        [Event("a"), Event("b")],
    ),
    "no other separator ends a line": (
        "data: a\v\f\x1c\x1d\x1e\x85\u2028\u2029b\n\n".encode(),
        [Event("a\v\f\x1c\x1d\x1e\x85\u2028\u2029b")],
    ),
    # The byte order mark.
    "a byte order mark alone in its line": (BOM + b"\ndata: a\n\n", [Event("a")]),
    "a byte order mark before a comment": (BOM + b":\ndata: a\n\n", [Event("a")]),
    "a byte order mark in the second line": (
        b"data: a\n" + BOM + b"data: b\n\n",
        [Event("a")],
    ),
    "a byte order mark in the data is data": (
        b"data: " + BOM + b"a\ndata:" + BOM + b"\n\n",
        [Event("\ufeffa\n\ufeff")],
    ),
    "a part of a byte order mark is no byte order mark": (
        BOM[:2] + b"data: a\n\ndata: b\n\n",
        [Event("b")],
    ),
    # UTF-8.
    "characters of two, three and four bytes": (
        "event: é\nid: €\ndata: 😀\n\n".encode(),
        [Event("😀", "é", "€")],
    ),
    "bytes that are not UTF-8 are replaced": (
        (
            b"data: a\xffb\xc3\xa9\xe2\x82z\xed\xa0\x80\xf0\x9f\x98\n\n"
            b"event: \xff\nid: \xc3\ndata: c\n\n"
        ),
        [Event("a\ufffdb\xe9\ufffdz\ufffd\ufffd\ufffd\ufffd"), Event("c", "\ufffd", "\ufffd")],
    ),
    "a line end interrupts a character": (
        b"data: \xe2\x82\n\ndata: \xf0\x9f\r\rdata: \xac\r\n\r\n",
        [Event("\ufffd"), Event("\ufffd"), Event("\ufffd")],
    ),
    # Fields.
    "only the first colon and one space are taken away": (
        b"data::a: b\ndata:  :\nid: :1\nevent: : e\n\n",
        [Event(":a: b\n :", ": e", ":1")],
    ),
    "a field name may not be padded": (
        b"data : a\n\n data: b\n\ndata: c\n\tdata: d\n\n",
        [Event("c")],
    ),
    "a colon alone, and a field without a name": (b":\n: data: a\n::\ndata: b\n\n", [Event("b")]),
    "the last event name wins, also an empty one": (
        b"event: a\nevent: b\ndata: 1\n\nevent: a\nevent\ndata: 2\n\nevent: a\nevent:\ndata: 3\n\n",
        [Event("1", "b"), Event("2"), Event("3")],
    ),
    "the last id wins": (b"id: 1\nid: 2\ndata: a\n\n", [Event("a", id="2")]),
    "an id with NUL does not undo the id before it": (
        b"id: 1\nid: 2\0\ndata: a\n\n",
        [Event("a", id="1")],
    ),
    "fields behind the data": (
        b"data: a\nid: 1\nevent: e\nretry: 5\n\n",
        [Event("a", "e", "1", 5)],
    ),
    "a comment in the middle of an event": (
        b"id: 1\n:\nevent: e\n: data: x\ndata: a\n:\ndata: b\n:\n\n",
        [Event("a\nb", "e", "1")],
    ),
    "data that is one space": (b"data:  \n\n", [Event(" ")]),
    # Blocks without data.
    "a block without data resets the event name": (
        b"event: lost\n\ndata: a\n\n",
        [Event("a")],
    ),
    "the id of a block without data is carried by the next event": (
        b"id: 1\n\ndata: a\n\ndata: b\n\n",
        [Event("a", id="1"), Event("b")],
    ),
    "the id of a block without data gives way to a later one": (
        b"id: 1\n\nid: 2\ndata: a\n\nid: 3\n\nid\n\ndata: b\n\n",
        [Event("a", id="2"), Event("b", id="")],
    ),
    "the reconnection time of a block without data is not the next event's": (
        b"retry: 5\n\ndata: a\n\n",
        [Event("a")],
    ),
    # Reconnection times.
    "the last valid reconnection time wins": (
        b"retry: 1\nretry: 2\nretry: -3\nretry: 4.0\nretry:  5\nretry: \nretry: 0x6\ndata: a\n\n",
        [Event("a", retry=2)],
    ),
    "digits that are not ASCII are no digits": (
        "retry: ٣\nretry: ²\nretry: 7\u0663\ndata: a\n\n".encode(),
        [Event("a")],
    ),
    "a reconnection time of zero": (b"retry: 000\ndata: a\n\n", [Event("a", retry=0)]),
    "the longest reconnection time": (
        b"retry: 09007199254740991\ndata: a\n\nretry: 9007199254740992\ndata: b\n\n",
        [Event("a", retry=LONGEST_RETRY), Event("b", retry=LONGEST_RETRY)],
    ),
    "reconnection times with more digits than Python takes": (
        b"retry: " + b"9" * 5000 + b"\ndata: a\n\nretry: " + b"0" * 5000 + b"12\ndata: b\n\n",
        [Event("a", retry=LONGEST_RETRY), Event("b", retry=12)],
    ),
    # The end of the file.
    "nothing": (b"", []),
    "an event without its blank line": (b"data: a\n\ndata: b\n", [Event("a")]),
    "an event in the middle of a line": (b"data: a\n\ndata: b", [Event("a")]),
    "an event whose end is a CR": (b"data: a\r\r", [Event("a")]),
}
