"""The corpus at URLs, for a client that nobody tells what to do: it reads, then posts what it saw.

GET /cases.json lists the streams, each with its URL. POST /results takes the answers, as adapters
give them: `{"results": [{"id": "...", "events": [...]}, ...]}`.
"""

import asyncio
import json
from urllib.parse import quote, unquote

from ..corpus import corpus
from ..transcript import Reading, Request
from ..wire.stage import Reply
from .reading import reading_of


class Listing:
    """The streams, and what came of them."""

    def __init__(self) -> None:
        self.readings: list[Reading] = []
        self.is_complete = asyncio.Event()

    async def reply(self, request: Request) -> Reply | None:
        """The answer, or None if the request is for something else."""
        match request.method, request.target.split("/")[1:]:
            case "GET", ["cases.json"]:
                cases = [{"id": id, "url": f"/streams/{quote(id)}"} for id in corpus()]
                return Reply(content=json.dumps(cases).encode())
            case "GET", ["streams", name] if case := corpus().get(unquote(name)):
                return Reply(200, "text/event-stream", case.stream)
            case "POST", ["results"]:
                return self._keep(request.content)
            case _:
                return None

    def _keep(self, content: bytes) -> Reply:
        try:
            results = json.loads(content)["results"]
            cases = [corpus()[each["id"]] for each in results]
            self.readings = [
                reading_of(case.id, "whole", case.expected, json.dumps(each).encode())
                for case, each in zip(cases, results, strict=True)
            ]
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            return Reply(400, "text/plain", str(error).encode("utf-8", "replace"))
        self.is_complete.set()
        return Reply(202)
