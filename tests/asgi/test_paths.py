"""The place of a request, as hosts and frameworks tell it."""

import asyncio
import time
from typing import Any
from urllib.parse import quote, unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.routing import Mount

from asgi_agent.asgi import JSONResponse, Place, locate
from asgi_agent.asgi.types import ASGIApp, Receive, Scope, Send
from asgi_agent.testing import Server, run


def place(path: str, root: str | None = None, raw: bytes | None = None, **keys: Any) -> Place:
    return locate({"type": "http", "path": path, "root_path": root, "raw_path": raw, **keys})


def test_a_scope_may_have_no_more_than_a_path() -> None:
    assert locate({"path": "/stream/a b"}) == Place(["stream", "a b"], "")
    assert locate({"path": "/"}) == locate({"path": ""}) == Place([], "")


@pytest.mark.parametrize(
    ("path", "root", "raw", "expected"),
    [
        ("/ask", "", b"/ask", Place(["ask"], "")),
        ("/ask/", "", b"/ask/", Place(["ask"], "")),
        ("//ask//", "", b"//ask//", Place(["ask"], "")),
        ("/a//b", "", b"/a//b", Place(["a", "", "b"], "")),
        ("/", "", b"/", Place([], "")),
        # uvicorn --root-path, Starlette, FastAPI, Django, Quart, BlackSheep: nothing is stripped
        ("/agent/x/ask", "/agent", b"/agent/x/ask", Place(["x", "ask"], "/agent")),
        ("/agent", "/agent", b"/agent", Place([], "/agent")),
        ("/agent/", "/agent", b"/agent/", Place([], "/agent")),
        ("/agent//ask", "/agent/", b"/agent//ask", Place(["ask"], "/agent")),
        ("/ask", "/", b"/ask", Place(["ask"], "")),
        # hypercorn --root-path: it is stripped from both
        ("/x/ask", "/agent", b"/x/ask", Place(["x", "ask"], "/agent")),
        ("/agents", "/agent", b"/agents", Place(["agents"], "/agent")),
        # Litestar: stripped from `path` alone, which gets a slash at its end
        ("/x/ask/", "", b"/agent/x/ask", Place(["x", "ask"], "/agent")),
        ("/", "", b"/agent", Place([], "/agent")),
        ("/ask", "", b"/agent/ask/", Place(["ask"], "/agent")),  # or it has lost one
        ("/a/", "", b"/a/a", Place(["a"], "/a")),
        # the same under a host that strips a root of its own
        ("/ask/", "/api", b"/agent/ask", Place(["ask"], "/api/agent")),
        ("/ask/", "/a", b"/agent/ask", Place(["ask"], "/a/agent")),
        # the same under one that does not
        ("/ask/", "/api", b"/api/agent/ask", Place(["ask"], "/api/agent")),
        # Mangum: no raw path
        ("/agent/ask", "/agent", None, Place(["ask"], "/agent")),
        ("/agent/", "/agent", None, Place([], "/agent")),
    ],
)
def test_the_mount_is_told_from_the_path(
    path: str, root: str, raw: bytes | None, expected: Place
) -> None:
    assert place(path, root, raw) == expected


def test_an_encoded_slash_does_not_cut_a_segment() -> None:
    assert place("/stream/a/b", "", b"/stream/a%2Fb") == Place(["stream", "a/b"], "")
    assert place("/m/stream/a/b", "/m", b"/m/stream/a%2Fb") == Place(["stream", "a/b"], "/m")
    assert place("/stream/a/b", "", b"/stream/a%2Fb?c=/d").segments[1] == "a/b"  # with query
    assert place("/stream/a/", "", b"/stream/a%2F") == Place(["stream", "a/"], "")


def test_the_prefix_is_as_it_stands_in_a_url() -> None:
    expected = Place(["é"], "/my%20agent")
    assert place("/my agent/é", "/my agent", b"/my%20agent/%C3%A9") == expected
    assert place("/é/", "", b"/my%20agent/%C3%A9") == expected
    assert place("/my agent/é", "/api/my agent", b"/my%20agent/%C3%A9", app_root_path="/api") == (
        ["é"],
        "/api/my%20agent",
    )


def test_a_raw_path_that_does_not_end_in_the_path_is_of_no_use() -> None:
    assert place("/ask", "/m", b"/elsewhere") == Place(["ask"], "/m")
    assert place("/é", "", "/é".encode()) == Place(["é"], "")  # not encoded at all
    assert place("/ask", "", b"http://example.org/ask") == Place(["ask"], "")


@pytest.mark.parametrize(
    ("path", "root", "expected"),
    [
        ("http://example.org/ask", "", Place(["ask"], "")),
        ("HTTPS://[::1]:8000/stream/a%2Fb", "", Place(["stream", "a/b"], "")),
        ("ws://example.org", "", Place([], "")),
        ("http://example.org/agent/ask", "/agent", Place(["ask"], "/agent")),
        ("/http://example.org/ask", "", Place(["http:", "", "example.org", "ask"], "")),
        ("*", "", Place(["*"], "")),
    ],
)
def test_a_whole_url_is_the_path_that_is_in_it(path: str, root: str, expected: Place) -> None:
    assert place(unquote(path), root, path.encode()) == expected
    assert place(unquote(path), root, f"{path}?a=/b".encode()) == expected
    without_raw = place(unquote(path), root)
    assert (without_raw.segments[:1], without_raw.prefix) == (expected.segments[:1], root)


async def answer_with_place(scope: Scope, receive: Receive, send: Send) -> None:
    await JSONResponse(locate(scope))(scope, receive, send)


def mounted(app: ASGIApp, path: str, *, root_path: str = "") -> Any:
    async def main() -> Any:
        async with Server(app, root_path=root_path) as server:
            return (await server.request("GET", path)).json()

    return run(main())


def test_it_works_mounted_in_starlette_at_any_depth() -> None:
    inner = Starlette(routes=[Mount("/b", answer_with_place)])
    app = Starlette(routes=[Mount("/a", inner)])
    assert mounted(app, "/a/b/stream/1%2F2") == [["stream", "1/2"], "/a/b"]
    assert mounted(app, "/api/a/b/ask", root_path="/api") == [["ask"], "/api/a/b"]


def test_it_works_mounted_in_starlette_behind_a_proxy_that_strips_the_root_path() -> None:
    app = Starlette(routes=[Mount("/a", answer_with_place)])
    assert mounted(app, "/a/ask", root_path="/api") == [["ask"], "/api/a"]
    assert mounted(app, "/api/a/ask", root_path="/api") == [["ask"], "/api/a"]


segment = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)


@given(mount=st.lists(segment, max_size=2), segments=st.lists(segment, max_size=3))
@example(mount=["a"], segments=["a", "a"])
@example(mount=[], segments=["a/", "/b", "%2F"])
def test_a_mount_that_nobody_strips_is_found_whatever_it_is_called(
    mount: list[str], segments: list[str]
) -> None:
    # A root path with a slash at its end is the same as one without: no mount's name can end so.
    mount = [part for part in mount if part and not part.endswith("/")]
    segments = [part for part in segments if part]
    prefix = "".join(f"/{quote(part, safe='')}" for part in mount)
    raw = prefix + "".join(f"/{quote(part, safe='')}" for part in segments)
    root = unquote(prefix)
    found = place(unquote(raw), root, raw.encode())
    assert found.segments == segments
    assert found.prefix == prefix.rstrip("/")


def test_a_path_of_many_segments_costs_no_time() -> None:
    raw = b"/a" * 30_000
    began = time.process_time()
    assert len(place("/é" * 30_000, "/m", raw + b"%FF").segments) == 30_000
    assert time.process_time() - began < 1


def test_it_needs_no_event_loop() -> None:
    with pytest.raises(RuntimeError):
        asyncio.get_running_loop()
    assert place("/ask").segments == ["ask"]
