"""Server-sent events written by hand, as an ASGI application: python bare_asgi.py."""

import asyncio
import json
import re

import contract
import uvicorn

HEADERS = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
]
LINE_END = re.compile("\r\n|\r|\n")
HEARTBEAT = 15.0


async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    try:
        script = await script_of(scope, receive)
    except contract.RefusedError as refused:
        await answer(send, 400, str(refused).encode("utf-8", "replace"), b"text/plain")
        return
    if scope["method"] not in ("GET", "HEAD", "POST"):
        await answer(send, 405, b"", b"text/plain", [(b"allow", b"GET, HEAD, POST")])
    elif script is None:
        stats = contract.is_stats(scope["query_string"].decode())
        value = contract.counts if stats else contract.about("bare ASGI", "1")
        await answer(send, 200, json.dumps(value).encode(), b"application/json")
    elif scope["method"] == "HEAD":
        await answer(send, 200, b"", b"text/event-stream")
    else:
        await stream(script, receive, send)


async def script_of(scope, receive):
    body, more = b"", scope["method"] == "POST"
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    script = contract.read(scope["method"], scope["query_string"].decode(), body)
    for op in script or ():
        refuse_what_cannot_be_written(op)
    return script


def refuse_what_cannot_be_written(op):
    for name in ("data", "event", "id", "comment"):
        value = op.get(name, "")
        if not isinstance(value, str) or re.search("[\ud800-\udfff]", value):
            raise contract.RefusedError(f"{name} is not Unicode text")
    if LINE_END.search(op.get("event", "") + op.get("id", "")) or "\0" in op.get("id", ""):
        raise contract.RefusedError("more than one line, or NUL")


async def stream(script, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    work = asyncio.ensure_future(write(contract.operations(script), send))
    gone = asyncio.ensure_future(disconnected(receive))
    try:
        await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            work.result()
    finally:
        for task in (work, gone):
            task.cancel()
        await asyncio.gather(work, gone, return_exceptions=True)


async def write(events, send):
    upcoming = asyncio.ensure_future(anext(events, None))
    try:
        while True:
            done, _ = await asyncio.wait({upcoming}, timeout=HEARTBEAT)
            op = upcoming.result() if done else {"comment": ""}
            if op is None:
                break
            await send({"type": "http.response.body", "body": encode(op), "more_body": True})
            if done:
                upcoming = asyncio.ensure_future(anext(events, None))
    finally:
        upcoming.cancel()
        await asyncio.gather(upcoming, return_exceptions=True)
        await events.aclose()
    await send({"type": "http.response.body", "body": b""})


def encode(op):
    lines = [f"{name}: {op[name]}" for name in ("id", "event", "retry") if name in op]
    if op.get("event") == "":
        lines.remove("event: ")
    for name, prefix in (("data", "data: "), ("comment", ": ")):
        if name in op:
            lines += [prefix + line for line in LINE_END.split(op[name])]
    return "\n".join([*lines, "", ""]).encode()


async def disconnected(receive):
    while (await receive())["type"] != "http.disconnect":
        pass


async def answer(send, status, body, kind, headers=()):
    headers = [(b"content-type", kind), (b"cache-control", b"no-store"), *headers]
    if kind != b"text/event-stream":
        headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


if __name__ == "__main__":
    uvicorn.run(app, port=contract.PORT, log_level="warning")
