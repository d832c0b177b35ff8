"""asgi_agent.EventStreamDecoder."""

import sys
from base64 import b64decode
from json import dumps, loads

from asgi_agent import EventStreamDecoder

for line in sys.stdin:
    decoder, last_event_id, events = EventStreamDecoder(), "", []
    for chunk in loads(line)["chunks"]:
        for event in decoder.feed(b64decode(chunk)):
            last_event_id = last_event_id if event.id is None else event.id
            events.append({"event": event.event, "data": event.data, "id": last_event_id})
    print(dumps({"events": events, "retry": decoder.reconnection_time}), flush=True)  # noqa: T201 - the answer
