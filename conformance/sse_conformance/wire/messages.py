"""What an application may put into a message: the keys and values of ASGI's HTTP and WebSocket 2.5.

A fault begins with the key that it is about. Which message may follow which is asked elsewhere.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias, cast

ASGIMessage: TypeAlias = dict[str, Any]


def taken(message: object) -> ASGIMessage:
    """The message as it is now; headers that can be read only once are read here."""
    if not isinstance(message, dict):
        return {}
    copy = dict(cast("ASGIMessage", message))
    if hasattr(copy.get("headers"), "__next__"):
        copy["headers"] = list(copy["headers"])
    return copy


def faults_of(message: ASGIMessage) -> tuple[str, ...]:
    """What is wrong with the values of this message; () if nothing is."""
    kind: object = message.get("type")
    if not isinstance(kind, str):
        return (f"type: {kind!r} is no str",)
    return tuple(_RULES.get(kind, _nothing)(message))


def is_last(message: Mapping[str, Any]) -> bool:
    """Whether the message is a body that none follows."""
    return message.get("type") == "http.response.body" and not message.get("more_body", False)


def bytes_of(message: Mapping[str, Any]) -> bytes:
    """The content of a body, also where it has the wrong type."""
    body: object = message.get("body", b"")
    if isinstance(body, str):
        return body.encode(errors="surrogateescape")
    if isinstance(body, memoryview):
        return body.tobytes()
    return bytes(body) if isinstance(body, bytes | bytearray) else b""


def fields_of(message: Mapping[str, Any]) -> tuple[tuple[bytes, bytes], ...]:
    """The headers that have the right types."""
    pairs = _items(message.get("headers", ()))
    return tuple(
        (pair[0], pair[1])
        for pair in map(_items, pairs)
        if len(pair) == 2 and isinstance(pair[0], bytes) and isinstance(pair[1], bytes)
    )


def _start(message: ASGIMessage) -> Iterator[str]:
    status: object = message.get("status")
    # "status (int) -- HTTP status code"; RFC 9110, 15: "three-digit integer", 100 through 599.
    if not isinstance(status, int) or isinstance(status, bool):
        yield f"status: {status!r} is no int"
    elif not 100 <= status <= 599:
        yield f"status: {status} is no status code"
    yield from _headers(message)
    if not isinstance(message.get("trailers", False), bool):
        yield f"trailers: {message['trailers']!r} is no bool"


def _headers(message: ASGIMessage) -> Iterator[str]:
    # "An iterable of [name, value] two-item iterables", of byte strings.
    headers: Any = message.get("headers", ())
    if not _is_iterable(headers):
        yield f"headers: {type(headers).__name__} is no iterable of pairs"
        return
    for place, pair in enumerate(_items(headers)):
        items = _items(pair)
        if len(items) != 2 or not all(isinstance(item, bytes) for item in items):
            yield f"headers[{place}]: {pair!r} is no pair of bytes"
        elif items[0] != items[0].lower():
            yield f"headers[{place}]: the name {items[0]!r} is not in lower case"
        elif items[0].startswith(b":"):
            yield f"headers[{place}]: {items[0]!r} is a pseudo header"


def _body(message: ASGIMessage) -> Iterator[str]:
    body: object = message.get("body", b"")
    if not isinstance(body, bytes):
        yield f"body: {type(body).__name__} is not bytes"
    more: object = message.get("more_body", False)
    if not isinstance(more, bool):
        yield f"more_body: {more!r} is no bool"


def _accept(message: ASGIMessage) -> Iterator[str]:
    subprotocol: object = message.get("subprotocol")
    if not (subprotocol is None or isinstance(subprotocol, str)):
        yield f"subprotocol: {subprotocol!r} is no str"
    yield from _headers(message)
    for place, (name, _) in enumerate(fields_of(message)):
        # "Must not include a header named sec-websocket-protocol; use the subprotocol key instead"
        if name.lower() == b"sec-websocket-protocol":
            yield f"headers[{place}]: sec-websocket-protocol stands in the key subprotocol"


def _send(message: ASGIMessage) -> Iterator[str]:
    # "Exactly one of bytes or text must be non-None. One or both keys may be present, however."
    text: object = message.get("text")
    data: object = message.get("bytes")
    if (text is None) == (data is None):
        yield f"payload: {'neither text nor' if text is None else 'both text and'} bytes"
    if not (text is None or isinstance(text, str)):
        yield f"text: {type(text).__name__} is no str"
    if not (data is None or isinstance(data, bytes)):
        yield f"bytes: {type(data).__name__} is not bytes"


def _close(message: ASGIMessage) -> Iterator[str]:
    code: object = message.get("code", 1000)
    if not isinstance(code, int) or isinstance(code, bool):
        yield f"code: {code!r} is no int"
    reason: object = message.get("reason", "")
    if not (reason is None or isinstance(reason, str)):
        yield f"reason: {type(reason).__name__} is no str"


def _nothing(_: ASGIMessage) -> Iterator[str]:
    return iter(())


_RULES: dict[str, Callable[[ASGIMessage], Iterator[str]]] = {
    "http.response.start": _start,
    "http.response.body": _body,
    "websocket.accept": _accept,
    "websocket.send": _send,
    "websocket.close": _close,
}


def _is_iterable(value: object) -> bool:
    """Whether pairs may be in it."""
    return hasattr(value, "__iter__") and not isinstance(value, str | bytes | dict)


def _items(value: Any) -> tuple[Any, ...]:
    try:
        return tuple(value)
    except TypeError:
        return ()
