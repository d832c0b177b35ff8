"""What HTML 9.2.6 says, read a second time: of a whole stream, character by character."""

import re
from dataclasses import dataclass, field

from asgi_agent.sse import LONGEST_RETRY, Event


@dataclass
class Reference:
    """What a user agent makes of a whole stream; none of our code."""

    stream: bytes
    last_event_id: str = ""
    reconnection_time: int | None = None
    events: list[Event] = field(default_factory=list)
    last_event_ids: list[str] = field(default_factory=list)  # MessageEvent.lastEventId of each

    def __post_init__(self) -> None:
        text = self.stream.decode("utf-8", "replace")
        if text[:1] == "\ufeff":
            text = text[1:]
        self.data = self.type = ""
        self.id_buffer = self.last_event_id
        self.id_seen: str | None = None
        self.retry: int | None = None
        line, at = "", 0
        while at < len(text):
            if text[at] in "\r\n":
                at += text[at : at + 2] == "\r\n"
                self.process(line)
                line = ""
            else:
                line += text[at]
            at += 1

    def process(self, line: str) -> None:
        if line == "":
            self.dispatch()
        elif line[0] == ":":
            pass
        elif ":" in line:
            colon = line.index(":")
            name, value = line[:colon], line[colon + 1 :]
            self.process_field(name, value[1:] if value[:1] == " " else value)
        else:
            self.process_field(line, "")

    def process_field(self, name: str, value: str) -> None:
        if name == "event":
            self.type = value
        elif name == "data":
            self.data += value + "\n"
        elif name == "id":
            if "\0" not in value:
                self.id_buffer = self.id_seen = value
        elif name == "retry" and re.fullmatch("[0-9]+", value):
            self.retry = self.reconnection_time = min(int(value), LONGEST_RETRY)

    def dispatch(self) -> None:
        self.last_event_id = self.id_buffer
        data, event_type, retry = self.data, self.type, self.retry
        self.data, self.type, self.retry = "", "", None
        if data == "":
            return
        data = data[:-1]
        # A user may not send NUL in an event name, but may be sent it.
        event = Event(data, event_type.replace("\0", "\1") or "message", self.id_seen, retry)
        self.events.append(event)
        self.last_event_ids.append(self.last_event_id)
        self.id_seen = None
