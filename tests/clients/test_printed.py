"""The clients in printed/ are what their authors printed, byte for byte."""

from hashlib import sha256
from pathlib import Path

import pytest

PRINTED = Path(__file__).parent / "printed"

DIGESTS = {  # of the code blocks that were printed
    # Bond's guide "Streaming Server Integration"
    "ask_agent.ts": "2ac5ccd80234125f2ed14b57f053b0097ffd2a4caff26edab4d5ffe155a9da33",
    "connect_agent.ts": "0ac48ac3570b820dee24f436a5cf0a1405719d160c277e8626e6bd72dfc60ec1",
    "stream_response.py": "b5215f035800895e315fb61ee1f1537ef44f4c751cb983a143c6b1bb8db74369",
    "use_agent.ts": "771e1c8f04778fd6dc67374001459a8a14ed675e664ded13dd7d6a975970a2f2",
    # the lesson "Server-Side Agent Hosting"; its emoji were misprinted
    "agent_web_socket.js": "76f56fcdd056ca706c79e00d0553fd22be8ba37ce52a622618fadf278c26f002",
    # LlamaBot's reference "SSE Streaming API"
    "chat.js": "8b1d0174b082e375ea29ecea90b5085910186e3268ac79f094ac1ea7b29e7ec0",
}


@pytest.mark.parametrize("name", DIGESTS)
def test_a_client_is_the_code_that_was_printed(name: str) -> None:
    assert sha256((PRINTED / name).read_bytes()).hexdigest() == DIGESTS[name]


def test_every_client_is_known() -> None:
    clients = {path.name for path in PRINTED.iterdir() if path.suffix in {".js", ".py", ".ts"}}

    assert clients == set(DIGESTS)
