"""Where URLs lead, and what is asked there."""

import pytest

from sse_conformance.wire.place import ask, place_of, written


@pytest.mark.parametrize(
    ("url", "authority", "target", "is_secure"),
    [
        ("http://a.example", "a.example", "/", False),
        ("http://a.example:80/x?y=1#z", "a.example", "/x?y=1", False),
        ("https://a.example:444/", "a.example:444", "/", True),
        ("ws://a.example:8000/ws", "a.example:8000", "/ws", False),
        ("wss://a.example/ws", "a.example", "/ws", True),
        ("http://[::1]:8000/", "[::1]:8000", "/", False),
        (
            "http://b\N{LATIN SMALL LETTER U WITH DIAERESIS}cher.example/",
            *("xn--bcher-kva.example", "/", False),
        ),
    ],
)
def test_a_url_leads_somewhere(url: str, authority: str, target: str, is_secure: bool) -> None:
    place = place_of(url)
    assert (place.authority, place.target, place.is_secure) == (authority, target, is_secure)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/stream",
        "ftp://a.example/",
        "http:///x",
        "http://a.example/\N{SNOWMAN}",
        "http://a/b c",
    ],
)
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="URL"):
        place_of(url)


@pytest.mark.parametrize(
    ("host", "is_loopback"),
    [
        ("localhost", True),
        ("a.localhost", True),
        ("127.1.2.3", True),
        ("[::1]", True),
        ("10.0.0.1", False),
        ("a.example", False),
    ],
)
def test_this_machine_is_known(host: str, is_loopback: bool) -> None:
    assert place_of(f"http://{host}/").is_loopback is is_loopback


def test_a_request_is_what_a_browser_sends() -> None:
    request = ask("http://a.example/stream")
    assert written(request) == (
        b"GET /stream HTTP/1.1\r\nHost: a.example\r\nUser-Agent: sse-conformance/0.1.0\r\n"
        b"Accept: text/event-stream\r\nCache-Control: no-cache\r\nAccept-Encoding: identity\r\n\r\n"
    )


def test_what_is_given_takes_the_place_of_what_would_be_sent() -> None:
    fields = [("accept", "*/*"), (b"X", b"\xff"), ("Last-Event-ID", "\N{SNOWMAN}")]
    request = ask("http://a.example/", fields=fields, without=["user-agent", "cache-control"])
    assert request.fields == (
        (b"Host", b"a.example"),
        (b"Accept-Encoding", b"identity"),
        (b"accept", b"*/*"),
        (b"X", b"\xff"),
        (b"Last-Event-ID", b"\xe2\x98\x83"),
    )


@pytest.mark.parametrize(("method", "content"), [("POST", b""), ("PUT", b"ab"), ("GET", b"ab")])
def test_content_has_a_length(method: str, content: bytes) -> None:
    request = ask("http://a.example/", method=method, content=content, http="1.0")
    length = (b"Content-Length", str(len(content)).encode())
    assert length in request.fields
    assert written(request).startswith(f"{method} / HTTP/1.0\r\n".encode())
    assert written(request).endswith(b"\r\n\r\n" + content)
