"""The scripts of the emit contract, as the suite writes them, and what has to come of each.

A producer keeps the contract at one URL: GET without a script tells what it can do; POST with a
script as JSON, or GET with the same in `?script=`, is answered with the stream of these events.
"""

import json
import re
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from pydantic import TypeAdapter, ValidationError

from .transcript import Exchange, Operation, Operations, Request
from .wire.place import Pairs, ask, with_query

Form: TypeAlias = Literal["POST", "GET"]
LINE_END = re.compile("\r\n|\r|\n")
SURROGATE = re.compile("[\ud800-\udfff]")  # half a character, which UTF-8 cannot carry


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a producer says of itself."""

    conformance: Literal[1]  # the version of the contract
    name: str = ""
    version: str = ""
    data: Literal["text", "json"] = "text"  # "json": it writes the JSON of the data it is given
    capabilities: frozenset[str] = frozenset()


_CAPABILITIES = TypeAdapter(Capabilities)


def capabilities_of(exchange: Exchange) -> Capabilities | None:
    """What the answer to a GET without a script says; None if that is not of the contract."""
    if exchange.status != 200:
        return None
    try:
        return _CAPABILITIES.validate_json(exchange.content)
    except ValidationError:
        return None


def text_of(script: Sequence[Operation], run: str = "") -> str:
    """The JSON of a script, all of it ASCII: also a lone surrogate is, as an escape."""
    value: dict[str, object] = {"v": 1, "events": list(script)}
    if run:
        value["run"] = run
    return json.dumps(value, separators=(",", ":"))


def request_for(
    url: str,
    script: Sequence[Operation],
    *,
    form: Form = "POST",
    method: str = "",
    run: str = "",
    fields: Pairs = (),
) -> Request:
    """The request that has this script emitted; `method`, if given, takes the place of GET."""
    content = text_of(script, run).encode()
    if (method or form) == "POST":
        fields = (("Content-Type", "application/json"), *fields)
        return ask(url, method="POST", fields=fields, content=content)
    # Some decoders of base64url want padding, others refuse it: where the length is a multiple of
    # three there is none. To JSON, spaces at its end are nothing.
    query = "script=" + urlsafe_b64encode(content + b" " * (-len(content) % 3)).decode()
    return ask(with_query(url, query), method=method or "GET", fields=fields)


@dataclass(frozen=True, slots=True)
class Asked:
    """An event of a script, and what an EventSource has to make of it."""

    data: object  # text, unless the script tries something else
    type: str
    event: str | None  # as the script has it
    id: str | None
    retry: int | None

    @property
    def text(self) -> str:
        """The data as a listener has to get it.

        A line end in it is carried as the end of a `data` line, and the lines are put together
        with LF: which of the three it was is lost.
        """
        return LINE_END.sub("\n", str(self.data))


def events_of(script: Operations) -> tuple[Asked, ...]:
    """The events that the script asks for, in their order."""
    return tuple(_asked(operation) for operation in script if "data" in operation)


def _asked(operation: Operation) -> Asked:
    event = _text(operation.get("event"))
    identifier, retry = _text(operation.get("id")), operation.get("retry")
    return Asked(
        data=operation["data"],
        # "If the event type buffer has a value other than the empty string, change the type of
        # the newly created event to equal the value of the event type buffer" (9.2.6)
        type=event or "message",
        event=event,
        id=identifier,
        retry=retry if isinstance(retry, int) else None,
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def comments_of(script: Operations) -> tuple[str, ...]:
    """The comments that the script asks for."""
    texts = (_text(operation.get("comment")) for operation in script)
    return tuple(text for text in texts if text is not None)
