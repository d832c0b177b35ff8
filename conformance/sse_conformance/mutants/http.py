"""As much of HTTP/1.1 as the golden server needs: RFC 9112, read and written by hand."""

import asyncio
from base64 import urlsafe_b64decode
from dataclasses import dataclass, replace
from email.utils import formatdate
from http import HTTPStatus
from typing import TypeAlias
from urllib.parse import parse_qs, urlsplit

Fields: TypeAlias = list[tuple[str, str]]  # of a response, as they are written

LONGEST_HEAD = 1 << 16
LONGEST_CONTENT = 1 << 24


class Refused(Exception):
    """The request gets this status, and an explanation."""

    def __init__(self, status: int, reason: str, fields: Fields | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.fields = fields or []


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request."""

    method: str
    target: str
    http: str  # "1.0" or "1.1"
    fields: tuple[tuple[str, str], ...]  # names in lower case, values as Latin-1
    content: bytes = b""

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.fields if key == name]

    def value(self, name: str) -> str | None:
        """The first field of this name, which is written in lower case."""
        return next(iter(self.values(name)), None)

    def parameter(self, name: str) -> str | None:
        """The first parameter of this name in the target's query."""
        return next(iter(parse_qs(urlsplit(self.target).query).get(name, [])), None)

    @property
    def last_event_id(self) -> str | None:
        """WHATWG HTML 9.2.4: the value "encoded as UTF-8"."""
        value = self.value("last-event-id")
        return None if value is None else value.encode("latin-1").decode("utf-8", "replace")

    @property
    def stays(self) -> bool:
        """Whether the connection may serve another request: RFC 9112, 9.3."""
        options = ",".join(self.values("connection")).lower()
        return self.http == "1.1" and "close" not in options


class Wire:
    """One connection. What arrives while a response is streamed is kept for the next request."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._arrived = bytearray()

    async def request(self) -> Asked | None:
        """The next request; None if the client has left. Raises `Refused`."""
        end = await self._until(b"\r\n\r\n")
        if end is None:
            return None
        head = bytes(self._arrived[:end]).decode("latin-1")
        del self._arrived[: end + 4]
        asked = parsed(head)
        content = await self._content(content_length(asked))
        return None if content is None else replace(asked, content=content)

    async def exactly(self, size: int) -> bytes | None:
        """The next bytes, so many of them; None if the client leaves before."""
        while len(self._arrived) < size:
            if not await self._more():
                return None
        data = bytes(self._arrived[:size])
        del self._arrived[:size]
        return data

    async def gone(self) -> None:
        """Return as soon as the client has left."""
        while await self._more():
            if len(self._arrived) > LONGEST_HEAD:
                await asyncio.Event().wait()  # it talks and talks: let it wait

    async def write(self, data: bytes) -> None:
        """Return when the client has read so much that the next write may come."""
        self._writer.write(data)
        await self._writer.drain()

    def write_now(self, data: bytes) -> None:
        """Write without waiting."""
        self._writer.write(data)

    def close(self) -> None:
        """Send what is written, and nothing more."""
        self._writer.close()

    def abort(self) -> None:
        """Drop what is not sent yet."""
        self._writer.transport.abort()

    async def _until(self, mark: bytes) -> int | None:
        while (end := self._arrived.find(mark)) < 0:
            if len(self._arrived) > LONGEST_HEAD:
                raise Refused(431, f"more than {LONGEST_HEAD} bytes before the content")
            if not await self._more():
                return None
        return end

    async def _content(self, length: int) -> bytes | None:
        if length > LONGEST_CONTENT:
            await self._skip(length)  # or the client, who still writes, would not see the answer
            raise Refused(413, f"more than {LONGEST_CONTENT} bytes")
        return await self.exactly(length)

    async def _skip(self, length: int) -> None:
        length = min(length, 16 * LONGEST_CONTENT)
        while (length := length - len(self._arrived)) > 0:
            self._arrived.clear()
            if not await self._more():
                return
        self._arrived.clear()

    async def _more(self) -> bool:
        try:
            data = await self._reader.read(1 << 16)
        except OSError:
            return False
        self._arrived += data
        return bool(data)


def parsed(head: str) -> Asked:
    """The request line and the fields, without what follows them."""
    line, *rest = head.lstrip("\r\n").split("\r\n")
    parts = line.split(" ")
    if len(parts) != 3 or parts[2] not in {"HTTP/1.0", "HTTP/1.1"}:
        raise Refused(400, "no request line")
    fields: list[tuple[str, str]] = []
    for each in rest:
        name, colon, value = each.partition(":")
        # RFC 9112, 5.1: "No whitespace is allowed between the field name and colon."
        if not colon or not name or name != name.strip() or "\0" in value:
            raise Refused(400, "a line of the head is no field")
        fields.append((name.lower(), value.strip(" \t")))
    method, target, version = parts
    asked = Asked(method=method, target=target, http=version[5:], fields=tuple(fields))
    # RFC 9112, 3.2: "A server MUST respond with a 400 (Bad Request) status code to any HTTP/1.1
    # request message that lacks a Host header field and to any request message that contains more
    # than one Host header field line".
    hosts = len(asked.values("host"))
    if hosts > 1 or (hosts == 0 and asked.http == "1.1"):
        raise Refused(400, f"{hosts} Host fields")
    return asked


def content_length(asked: Asked) -> int:
    """How much follows the head."""
    if asked.values("transfer-encoding"):
        raise Refused(411, "a length, please")
    lengths = set(asked.values("content-length"))
    if not lengths:
        return 0
    length = lengths.pop()
    if lengths or not (length.isascii() and length.isdigit() and len(length) < 16):
        raise Refused(400, "no valid Content-Length")
    return int(length)


def response_head(status: int, fields: Fields) -> bytes:
    """The status line, the fields in their order, and the blank line."""
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
    lines += [f"{name}: {value}" for name, value in fields]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def date() -> str:
    """Now: RFC 9110, 5.6.7."""
    return formatdate(usegmt=True)


def decoded_script(parameter: str) -> bytes:
    """The script in a query: base64url, with its padding or without it."""
    try:
        return urlsafe_b64decode(parameter + "=" * (-len(parameter) % 4))
    except ValueError as error:
        raise Refused(400, "the script is not base64url") from error
