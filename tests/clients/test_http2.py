"""Event streams over HTTP/2: httpx, and hypercorn with a certificate of our own."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Iterator

import httpx
import pytest

from asgi_agent.sse import Event, EventStreamDecoder
from tests.serving import Served, serve_http_2

WORDS = ["You ", "said: ", "Hello! "]


@pytest.fixture(scope="module")
def hosted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, ssl.SSLContext]]:
    with serve_http_2("tests.clients.apps:app", tmp_path_factory.mktemp("tls")) as hosted:
        yield hosted


@pytest.fixture
def served(hosted: tuple[Served, ssl.SSLContext]) -> Served:
    return hosted[0]


@pytest.fixture
def trusting(hosted: tuple[Served, ssl.SSLContext]) -> ssl.SSLContext:
    return hosted[1]


def test_an_event_stream_over_http_2_ends_with_its_answer(
    served: Served, trusting: ssl.SSLContext
) -> None:
    async def talk() -> None:
        async with httpx.AsyncClient(http2=True, verify=trusting, base_url=served.url) as client:
            url = await ask(client, "Hello!")
            async with client.stream("GET", url) as response:
                assert (response.http_version, response.status_code) == ("HTTP/2", 200)
                heard = [event async for event in events(response)]
            assert [event.data for event in heard if event.event == "text"] == [
                f'{{"content": "{word}"}}' for word in WORDS
            ]
            assert heard[-1].event == "complete"

    asyncio.run(talk())


def test_b5_an_event_stream_over_http_2_goes_on_after_the_last_event_id(
    served: Served,
    trusting: ssl.SSLContext,
) -> None:
    async def talk() -> None:
        async with httpx.AsyncClient(http2=True, verify=trusting, base_url=served.url) as client:
            url = await ask(client, "Hello!", session_id="cut-http2")
            heard: list[str | None] = []
            for expected in (10, 13):
                async with client.stream("GET", url, headers=after(heard)) as response:
                    heard += [event.id async for event in events(response)]
                assert heard == [f"1-{seq}" for seq in range(1, expected + 1)]
            last = await client.get(url, headers=after(heard))
            assert (last.http_version, last.status_code) == ("HTTP/2", 204)

    asyncio.run(talk())


def test_many_event_streams_share_one_http_2_connection(
    served: Served, trusting: ssl.SSLContext
) -> None:
    async def hear(client: httpx.AsyncClient, prompt: str) -> str:
        async with client.stream("GET", await ask(client, prompt)) as response:
            return [event.data async for event in events(response)][-1]

    async def talk() -> None:
        async with httpx.AsyncClient(http2=True, verify=trusting, base_url=served.url) as client:
            await client.get("/witness")  # and forget what other tests have asked
            prompts = [f"I am {number}." for number in range(20)]
            heard = await asyncio.gather(*(hear(client, prompt) for prompt in prompts))
            assert heard == [f'{{"data": "You said: {prompt} "}}' for prompt in prompts]

            requests = (await client.get("/witness")).json()["requests"]
            assert len(requests) == 40
            assert len({tuple(each["client"]) for each in requests}) == 1

    asyncio.run(talk())


async def ask(client: httpx.AsyncClient, prompt: str, session_id: str | None = None) -> str:
    """Start a turn: the URL of its event stream."""
    response = await client.post("/ask", json={"prompt": prompt, "session_id": session_id})
    url: str = response.json()["stream_url"]
    return url


async def events(response: httpx.Response) -> AsyncGenerator[Event, None]:
    """The events of the stream."""
    decoder = EventStreamDecoder()
    async for chunk in response.aiter_bytes():
        for event in decoder.feed(chunk):
            yield event


def after(heard: list[str | None]) -> dict[str, str]:
    """The header that resumes after the last of these IDs."""
    return {"last-event-id": heard[-1]} if heard and heard[-1] else {}
