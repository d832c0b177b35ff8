"""httpx-sse: EventSource.iter_sse, of a response that comes in these chunks."""

import sys
from base64 import b64decode
from json import dumps, loads

from httpx import Response
from httpx_sse import EventSource

TYPE = {"content-type": "text/event-stream"}

for line in sys.stdin:
    chunks, events = map(b64decode, loads(line)["chunks"]), []
    answer: dict[str, object] = {"events": events}
    try:
        source = EventSource(Response(200, headers=TYPE, content=chunks))
        events.extend(
            {"event": sse.event, "data": sse.data, "id": sse.id} for sse in source.iter_sse()
        )
    except Exception as error:  # noqa: BLE001 - whatever it is, the client has given up
        answer["error"] = repr(error)
    print(dumps(answer), flush=True)  # noqa: T201 - the answer
