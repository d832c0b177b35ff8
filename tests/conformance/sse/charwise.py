"""A second reading of WHATWG HTML 9.2.6: character by character, as the text has it."""

import codecs


class Reader:
    """Reads a stream that comes in pieces, and keeps what it dispatches."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str, str]] = []  # type, data, last event ID
        self.retry = ""  # the digits
        self.last_event_id = ""
        self._id_buffer = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._is_first = True
        self._is_after_cr = False
        self._line: list[str] = []
        self._data = ""
        self._type = ""

    def feed(self, piece: bytes) -> None:
        for character in self._decoder.decode(piece):
            is_mark = self._is_first and character == "\ufeff"
            self._is_first = False
            if not is_mark:
                self._read(character)

    def _read(self, character: str) -> None:
        is_second_half = self._is_after_cr and character == "\n"
        self._is_after_cr = character == "\r"
        if is_second_half:
            return
        if character in "\r\n":
            self._end_line("".join(self._line))
            self._line.clear()
        else:
            self._line.append(character)

    def _end_line(self, line: str) -> None:
        if line == "":
            self._dispatch()
        elif line[0] == ":":
            return
        elif ":" in line:
            place = line.index(":")
            value = line[place + 1 :]
            self._field(line[:place], value[1:] if value[:1] == " " else value)
        else:
            self._field(line, "")

    def _field(self, name: str, value: str) -> None:
        if name == "event":
            self._type = value
        elif name == "data":
            self._data += value + "\n"
        elif name == "id" and "\0" not in value:
            self._id_buffer = value
        elif name == "retry" and value and all(character in "0123456789" for character in value):
            self.retry = value

    def _dispatch(self) -> None:
        self.last_event_id = self._id_buffer
        if self._data != "":
            event = (self._type or "message", self._data[:-1], self.last_event_id)
            self.events.append(event)
        self._data = self._type = ""
