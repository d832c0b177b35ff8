"""What is asked of an unknown server."""

import pytest

from sse_conformance.drivers.errands import HOSTILE_IDS, Errand, asked, errands, has_head
from sse_conformance.options import Options

URL = "http://a.example:8000/stream"
OPTIONS = Options(headers=(("X-Key", "k"), ("Accept", "text/event-stream, */*")))


def named(name: str, options: Options = OPTIONS) -> Errand:
    return next(errand for errand in errands(URL, options) if errand.name == name)


def values(errand: Errand, name: bytes) -> list[bytes]:
    return [value for key, value in errand.request.fields if key.lower() == name]


def test_nothing_that_is_asked_changes_anything() -> None:
    for errand in errands(URL, OPTIONS):
        assert errand.request.method in {"GET", "HEAD", "OPTIONS", "PUT", "FROBNICATE"}
        assert errand.request.content == b""
        if errand.request.method == "PUT":
            assert values(errand, b"if-match") == [b'"sse-conformance"']


def test_every_request_has_the_fields_that_the_user_wants() -> None:
    for errand in errands(URL, OPTIONS):
        assert values(errand, b"x-key") == [b"k"]
    assert values(named("head"), b"accept") == [b"text/event-stream, */*"]


def test_what_is_asked_wins_over_what_the_user_wants() -> None:
    assert values(named("accept_image"), b"accept") == [b"image/png"]
    assert values(named("accept_missing"), b"accept") == []
    request = asked(URL, OPTIONS, [("accept", "*/*")])
    assert [value for key, value in request.fields if key.lower() == b"accept"] == [b"*/*"]


def test_host_is_missing_or_there_twice() -> None:
    assert values(named("no_host"), b"host") == []
    assert values(named("two_hosts"), b"host") == [b"a.example:8000"] * 2
    given = Options(headers=(("host", "b.example"),))
    assert values(named("no_host", given), b"host") == []
    assert values(named("two_hosts", given), b"host") == [b"b.example"] * 2


def test_origins_are_the_named_one_and_a_stranger() -> None:
    assert values(named("origin_get"), b"origin") == [b"https://a.example"]
    claimed = Options(origin="https://b.example")
    assert values(named("origin_get", claimed), b"origin") == [b"https://b.example"]
    assert values(named("foreign_get", claimed), b"origin") == [b"https://evil.example"]
    preflight = named("preflight_get", claimed)
    assert values(preflight, b"access-control-request-headers") == [b"last-event-id"]


def test_every_hostile_id_is_sent() -> None:
    sent = [errand for errand in errands(URL, OPTIONS) if errand.name == "hostile_id"]
    assert len(sent) == len(HOSTILE_IDS)
    assert [b"x" * 65536] in [values(errand, b"last-event-id") for errand in sent]


@pytest.mark.parametrize("name", ["head", "options", "put", "unknown_method", "preflight_post"])
def test_what_is_no_stream_has_to_end(name: str) -> None:
    assert named(name).stop_after is None


@pytest.mark.parametrize("name", ["get_http10", "half_closed", "hostile_id", "foreign_get"])
def test_streams_are_left_with_their_head(name: str) -> None:
    assert named(name).stop_after is has_head
    assert has_head(bytearray())
