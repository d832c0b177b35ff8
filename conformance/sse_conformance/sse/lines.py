"""The lines of an event stream, with the place of each in the bytes: WHATWG HTML 9.2.5.

Nothing is decoded here and nothing is forgiven: every byte of the stream is in exactly one line.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

# "Lines must be separated by either a U+000D CARRIAGE RETURN U+000A LINE FEED (CRLF) character
# pair, a single U+000A LINE FEED (LF) character, or a single U+000D CARRIAGE RETURN (CR)
# character."
_END = re.compile(rb"\r\n|\n|\r")
BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Line:
    """One line: `content` without its `end`; an `end` of b"" is that of the stream."""

    offset: int
    content: bytes
    end: bytes

    @property
    def after(self) -> int:
        """The offset of what follows the line."""
        return self.offset + len(self.content) + len(self.end)

    @property
    def is_blank(self) -> bool:
        return not self.content

    @property
    def is_comment(self) -> bool:
        return self.content.startswith(b":")

    @property
    def name(self) -> bytes:
        """What stands before the first colon; the whole line if there is none."""
        return self.content.partition(b":")[0]

    @property
    def value(self) -> bytes:
        """What stands after the first colon, without one leading space."""
        return self.content.partition(b":")[2].removeprefix(b" ")


def lines_of(stream: bytes) -> Iterator[Line]:
    """All lines of the bytes. The last one has no end if the bytes stop in it."""
    # The ABNF of 9.2.5 begins with `[ bom ]`: it belongs to the stream, and not to its first line.
    start = len(BOM) if stream.startswith(BOM) else 0
    for end in _END.finditer(stream, start):
        yield Line(start, stream[start : end.start()], end[0])
        start = end.end()
    if start < len(stream):
        yield Line(start, stream[start:], b"")
