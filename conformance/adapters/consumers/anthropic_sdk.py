"""The decoder in the anthropic SDK."""

import sys
from base64 import b64decode
from json import dumps, loads

from anthropic._streaming import SSEDecoder

for line in sys.stdin:
    chunks, events = map(b64decode, loads(line)["chunks"]), []
    answer: dict[str, object] = {"events": events}
    try:
        events.extend(
            {"event": sse.event, "data": sse.data, "id": sse.id}
            for sse in SSEDecoder().iter_bytes(chunks)
        )
    except Exception as error:  # noqa: BLE001 - whatever it is, the client has given up
        answer["error"] = repr(error)
    print(dumps(answer), flush=True)  # noqa: T201 - the answer
