"""The suite's own interpreter, as a program that keeps to the contract of adapters."""

import sys
from base64 import b64decode
from json import dumps, loads

from sse_conformance.sse import interpret


def answer(line: str) -> str:
    read = interpret(b"".join(map(b64decode, loads(line)["chunks"])))
    events = [
        {"event": event.type, "data": event.data, "id": event.last_event_id}
        for event in read.events
    ]
    return dumps({"events": events, "retry": read.retry})


if __name__ == "__main__":
    for line in sys.stdin:
        print(answer(line), flush=True)
