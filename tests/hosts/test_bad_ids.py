"""Session IDs that URLs hardly carry, and last event IDs that nobody was ever given."""

import json
import re

import httpx
import pytest

from asgi_agent.sse import Event
from tests.hosts import talk
from tests.serving import Served

pytestmark = pytest.mark.usefixtures("bystander")


# ── last event IDs ───────────────────────────────────────────────────────────────────────────

NEVER_GIVEN = {
    "of the future": b"1-7",
    "of the far future": b"1-999999999999999999",
    "of a later turn": b"2-1",
    "of turn 0": b"0-1",
    "negative": b"-1",
    "a negative turn": b"-1-1",
    "a negative number": b"1--1",
    "a huge number": b"1-" + b"9" * 5000,
    "a huge turn": b"9" * 5000 + b"-1",
    "with a leading zero": b"1-01",
    "with a sign": b"1-+1",
    "with a space": b"1- 1",
    "with digits of another script": "1-\u0663".encode(),
    "with a digit of Latin-1": b"1-\xb9",
    "two of them": b"1-1, 1-2",
    "a word": b"null",
    "a path": b"../../etc/passwd",
    "a quote": b'"1-1"',
    "not UTF-8": b"\xff\xfe\xfd",
    "all of Latin-1": bytes(range(0xA0, 0x100)),
    "a tab": b"1-\t1",
    "8,000 characters": b"x" * 8_000,
    "60,000 characters": b"x" * 60_000,
    "200,000 characters": b"x" * 200_000,
    "NUL": b"1-1\x00",
    "a control character": b"1-\x011",
    "a vertical tab": b"\x0b1-1",
    "DEL": b"1-1\x7f",
    "an end of line": b"1-1\rx: y",
}


@pytest.mark.parametrize("last", NEVER_GIVEN.values(), ids=NEVER_GIVEN)
def test_a_last_event_id_that_we_never_gave_is_a_gap_and_then_everything(
    served: Served, client: httpx.Client, session_id: str, last: bytes
) -> None:
    url = talk.ask(client, "Hello!", session_id)
    whole = talk.hear(client, url)
    path = f"/stream/{session_id}"

    try:
        answer = talk.request(served.port, "GET", path, b"", ("last-event-id", last))
    except (ConnectionError, TimeoutError):
        assert last in REFUSED_BY_HOSTS
        return
    if answer.status != 200:
        assert answer.status in (400, 431)  # the host program's own answer
        assert last in REFUSED_BY_HOSTS
        return
    gap, *events = talk.decode(answer.body)
    assert parts(events) == parts(whole)
    assert (gap.event, gap.id) == ("data", None)
    value = {"last_event_id": last.decode("utf-8", "replace"), "next_event_id": "1-1"}
    assert json.loads(gap.data) == {"name": "gap", "value": value}


REFUSED_BY_HOSTS = [
    *(NEVER_GIVEN[each] for each in ("60,000 characters", "200,000 characters")),
    *(NEVER_GIVEN[each] for each in ("NUL", "a control character", "a vertical tab", "DEL")),
    NEVER_GIVEN["an end of line"],
]


@pytest.mark.parametrize("last", [b"", b" ", b"1-0"])
def test_a_last_event_id_from_before_the_first_is_everything(
    served: Served, client: httpx.Client, session_id: str, last: bytes
) -> None:
    whole = talk.hear(client, talk.ask(client, "Hello!", session_id))
    answer = talk.request(served.port, "GET", f"/stream/{session_id}", b"", ("last-event-id", last))
    assert parts(talk.decode(answer.body)) == parts(whole)


def test_the_space_around_a_last_event_id_is_not_part_of_it(
    served: Served, client: httpx.Client, session_id: str
) -> None:
    whole = talk.hear(client, talk.ask(client, "Hello!", session_id))
    answer = talk.request(
        served.port, "GET", f"/stream/{session_id}", b"", ("Last-Event-ID", b" \t1-2\t ")
    )
    assert parts(talk.decode(answer.body)) == parts(whole[2:])


# ── session IDs ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "name",
    [
        *("a/b", "a?b", "a#b", "a b", "a%b", "a%2Fb", "a%252Fb", "a&b=c", "a+b", "a;b", "a\\b"),
        *("/", "//", "/a", "a/", "a//b", "../a", "./a", "...", "a/..", "~", "%", "%%", "\u00e9"),
        *("\u65e5\u672c\u8a9e", "\U0001f600", "\u2028", "\u0085", "\ufeff", "\u202e", "'", '"'),
        *("stream/x", "x/cancel", "<b>", "{}", "x" * 256),
    ],
)
def test_any_session_id_has_a_stream_url_that_works(client: httpx.Client, name: str) -> None:
    url = client.post("/ask", json={"prompt": "Hello!", "session_id": name}).json()["stream_url"]

    assert re.fullmatch(r"/stream/(?:[\w.~-]|%[0-9A-F]{2})+", url, re.ASCII)
    assert talk.text(talk.hear(client, url)) == "You said: Hello!"
    known = client.get(url.replace("/stream/", "/sessions/"))
    assert known.json()["session_id"] == name
    assert client.delete(url.replace("/stream/", "/sessions/")).status_code == 204


@pytest.mark.parametrize("name", [".", "..", "\0", "a\nb", "\x7f", "x" * 257])
def test_a_session_id_that_no_url_can_carry_is_400(
    served: Served, client: httpx.Client, name: str
) -> None:
    asked = {"prompt": "Hello!", "session_id": name}
    assert client.post("/ask", json=asked).status_code == 400
    chat = {"message": "Hello!", "session_id": name}
    assert client.post("/api/chat/stream", json=chat).status_code == 422
    with talk.open_socket(f"{served.url}/ws") as websocket:
        talk.send(websocket, **asked)
        assert talk.receive(websocket)["t"] == "error"


@pytest.mark.parametrize("target", ["/stream/%", "/stream/%zz", "/stream/%ff", "/stream/%00", "/%"])
def test_a_path_that_is_not_well_encoded_is_404(served: Served, target: str) -> None:
    assert talk.request(served.port, "GET", target).status == 404


def parts(events: list[Event]) -> list[tuple[str | None, str, str]]:
    """The events without the reconnection time, which is told with the first of a response."""
    return [(event.id, event.event, event.data) for event in events]
