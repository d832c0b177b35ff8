"""Read one HTTP/1 response from its bytes: RFC 9112. No I/O is done here.

The head is read by ourselves, to the letter: a library that mends it hides what is wrong with it.
The body's framing is read by h11, which is given a head that says nothing but that.
"""

import re

import h11

from ..transcript import End, Exchange, Fields, Head, Piece, Request

HEAD_LIMIT = 64 * 1024
# "a recipient MAY recognize a single LF as a line terminator and ignore any preceding CR" (2.2)
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_LINE_END = re.compile(rb"\r?\n")
# "status-line = HTTP-version SP status-code SP [ reason-phrase ]" (4); without the last SP it is
# common enough, and no client minds.
_STATUS_LINE = re.compile(rb"HTTP/([0-9]\.[0-9]) ([1-9][0-9]{2})(?: [^\x00\r\n]*)?")


class ResponseReader:
    """Puts an exchange together from what is received."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.head: Head | None = None
        self.content = bytearray()
        self.is_complete = False  # by its own framing
        self.fault = ""  # where there is one, what comes cannot be read
        self.trailing = b""
        self.size = 0  # of all that was received
        self._received: list[Piece] = []
        self._body: list[Piece] = []
        self._unread = bytearray()  # of the head
        self._framing: _Framing | None = None

    def receive(self, data: bytes, at: float) -> None:
        """Read these bytes, which came at that time."""
        self._received.append(Piece(at, data))
        self.size += len(data)
        if self._framing is None:
            data = self._read_head(data, at)
        if self.is_complete:
            self.trailing += data
        elif self._framing is not None and not self.fault:
            self._read_body(self._framing, data, at)

    def receive_end(self) -> None:
        """The server has closed its side of the connection."""
        if self._framing is None:
            self.fault = self.fault or f"the connection was closed after {self.size} bytes"

    def exchange(self, end: End, at: float, fault: str = "") -> Exchange:
        """What was read, and how it has ended."""
        return Exchange(
            request=self.request,
            received=tuple(self._received),
            head=self.head,
            body=tuple(self._body),
            end=end,
            ended_at=at,
            fault=self.fault or fault,
            trailing=self.trailing,
        )

    def _read_head(self, data: bytes, at: float) -> bytes:
        """Read the head, or what there is of it, and return what follows it."""
        searched = max(len(self._unread) - 3, 0)
        self._unread += data
        while end := _HEAD_END.search(self._unread, searched):
            block, rest = bytes(self._unread[: end.start()]), bytes(self._unread[end.end() :])
            head = read_head(block, at)
            if head is None:
                self.fault = f"no status line of HTTP/1: {block[:40]!r}"
                return b""
            if head.status >= 200 or head.status == 101:
                self.head = head
                self._framing = _Framing(self.request.method, head)
                self.fault = self._framing.fault
                return rest
            # "A client MUST be able to parse one or more 1xx responses received prior to a final
            # response" (RFC 9110, 15.2)
            self._unread, searched = bytearray(rest), 0
        if len(self._unread) > HEAD_LIMIT:
            self.fault = f"a head of more than {HEAD_LIMIT} bytes"
        return b""

    def _read_body(self, framing: "_Framing", data: bytes, at: float) -> None:
        content = framing.receive(data)
        if content:
            self.content += content
            self._body.append(Piece(at, content))
        self.fault = framing.fault
        self.is_complete = framing.is_complete
        self.trailing = framing.trailing


def heads_of(received: bytes) -> bytes:
    """What was received up to the end of the final head, which ends with a blank line."""
    start = 0
    while end := _HEAD_END.search(received, start):
        head = read_head(received[start : end.start()], 0.0)
        start = end.end()
        if head is None or head.status >= 200:
            break
    return received[:start]


def read_head(block: bytes, at: float) -> Head | None:
    """The head that these lines are; None if they do not begin with a status line.

    The names and values of fields are what stands there, however wrong: a line without a colon is
    a name without a value.
    """
    first, *lines = _LINE_END.split(block)
    status_line = _STATUS_LINE.fullmatch(first)
    if status_line is None:
        return None
    fields: Fields = ()
    for line in lines:
        name, _, value = line.partition(b":")
        fields += ((name, value.strip(b" \t")),)
    return Head(at=at, status=int(status_line[2]), http=status_line[1].decode(), fields=fields)


class _Framing:
    """Where the body of a response is in the bytes that follow the head."""

    def __init__(self, method: str, head: Head) -> None:
        self.is_complete = False
        self.fault = ""
        self.trailing = b""
        self._offset = 0  # in the bytes after the head, of what h11 has not read
        self._method = method
        lengths, codings = head.values("content-length"), head.values("transfer-encoding")
        if head.status == 101:
            lengths, codings = [], []  # what follows is not HTTP
        try:
            # "Transfer-Encoding overrides the Content-Length" (6.3)
            self._h11 = self._start(head.status, [] if codings else lengths, codings)
        except h11.RemoteProtocolError as error:
            self.fault = f"{head.line('transfer-encoding')}, {head.line('content-length')}: {error}"

    def _start(self, status: int, lengths: list[str], codings: list[str]) -> h11.Connection:
        connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_LIMIT)
        connection.send(h11.Request(method=self._method, target="/", headers=[("Host", "host")]))
        connection.send(h11.EndOfMessage())
        lines = [f"HTTP/1.1 {200 if status == 101 else status} \r\n"]
        lines += [f"Content-Length: {length}\r\n" for length in lengths]
        lines += [f"Transfer-Encoding: {coding}\r\n" for coding in codings]
        connection.receive_data("".join([*lines, "\r\n"]).encode("latin-1"))
        connection.next_event()  # the response
        return connection

    def receive(self, data: bytes) -> bytes:
        """What of the body is in these bytes."""
        if data:  # to h11, none are the end
            self._h11.receive_data(data)
            self._offset += len(data)
        content = bytearray()
        try:
            while isinstance(event := self._h11.next_event(), h11.Data):
                content += event.data
        except h11.RemoteProtocolError as error:
            unread = len(self._h11.trailing_data[0])
            place = max(len(data) - unread, 0)
            shown = data[max(place - 20, 0) : place + 20]
            self.fault = f"{error}; about byte {self._offset - unread} of the body: {shown!r}"
        else:
            if isinstance(event, h11.EndOfMessage):
                self.is_complete = True
                self.trailing = self._h11.trailing_data[0]
        return bytes(content)
