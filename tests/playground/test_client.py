"""client.js, run by Node against a real server: each script says what a user of it would write."""

import base64
import json
import re
from typing import Any

import pytest

from tests.playground.conftest import Script, script
from tests.playground.cutting import cutting
from tests.serving import HOSTS, Served, serve
from tests.sse.corpus import BOM, CORPUS
from tests.sse.reference import Reference

HELLO = [
    ["block_start", None],
    ["thinking", "Let me see."],
    ["block_end", None],
    ["block_start", None],
    ["tool_exec", None],
    ["tool_result", None],
    ["block_end", None],
    ["block_start", None],
    ["text", "You "],
    ["text", "said: "],
    ["text", "Hello! "],
    ["block_end", None],
    ["complete", None],
]
NUMBERS = "".join(f"{number} " for number in range(1, 31))


def told(lines: list[Any]) -> list[list[Any]]:
    return [[kind, content] for kind, content, _ in lines]


# ── asking, on both transports, under every host ─────────────────────────────────────────────────


@pytest.mark.parametrize("host", HOSTS)
def test_an_answer_is_told_event_by_event_over_both_transports(host: str) -> None:
    with serve("tests.playground.apps:app", host) as served:
        lines = script(
            served.url,
            """
            await types(client.ask("Hello!"));
            const connection = await client.connect();
            await types(connection.ask("Hello!"));
            await types(connection.ask("Hello!"));
            connection.close();
            """,
        )

    assert told(lines) == HELLO * 3
    assert [each[2] for each in lines[:13]] == [f"1-{seq}" for seq in range(1, 14)]


@pytest.mark.parametrize("begin", ["client.ask(PROMPT)", "(await client.connect()).ask(PROMPT)"])
def test_a_tool_is_told_with_its_own_id_and_arguments(tells: Script, begin: str) -> None:
    lines = tells(
        f"""
        const PROMPT = "Hello!";
        for await (const {{ eventId, ...event }} of {begin})
            if (event.type.startsWith("tool")) tell(event);
        process.exit();
        """
    )

    call = {"id": "call_1", "name": "echo"}
    assert lines == [
        {"type": "tool_exec", **call, "args": {"text": "Hello!"}},
        {"type": "tool_result", **call, "result": "Hello!"},
    ]


@pytest.mark.parametrize("begin", ["client.ask(PROMPT)", "(await client.connect()).ask(PROMPT)"])
def test_what_is_short_or_binary_on_the_wire_is_alike_on_both_transports(
    tells: Script, begin: str
) -> None:
    lines = tells(
        f"""
        for (const PROMPT of ["Sing.", "Write."])
          for await (const {{ eventId, ...event }} of {begin})
            if (event.type === "audio") tell([event.media_type, Array.from(event.bytes)]);
            else if (event.type === "tool_delta") tell(event);
        process.exit();
        """
    )

    assert lines == [
        ["audio/pcm", list(range(256))],
        ["audio/pcm", [0]],
        {"type": "tool_delta", "id": "call_1", "name": "pen", "args": '{"a"'},
    ]


@pytest.mark.parametrize("begin", ["client.ask(PROMPT)", "(await client.connect()).ask(PROMPT)"])
def test_an_agent_that_fails_says_so_in_its_last_event(tells: Script, begin: str) -> None:
    lines = tells(
        f"""
        const PROMPT = "Fail.";
        for await (const {{ eventId, ...event }} of {begin}) tell(event);
        process.exit();
        """
    )

    assert lines[-1] == {"type": "error", "error": "I am not well.", "code": "unwell"}


# ── steering ─────────────────────────────────────────────────────────────────────────────────────


def test_a_turn_is_cancelled_over_either_transport(tells: Script) -> None:
    lines = tells(
        """
        const sessionId = newSessionId();
        for await (const { type } of client.ask("Speak for ever.", { sessionId }))
          if (type === "text") await client.cancel(sessionId).catch((error) => tell(error.status));
          else tell(type);
        const connection = await client.connect({ sessionId });
        let isAsked = false;
        for await (const { type } of connection.ask("Speak for ever."))
          if (type !== "text") tell(type);
          else if (!isAsked) isAsked = Boolean(await connection.cancel() ?? true);
        connection.close();
        """
    )

    # What was said before the end is still told, and then there is nothing to be cancelled.
    assert [each for each in lines if each != 409] == ["block_start", "block_end", "cancelled"] * 2


@pytest.mark.parametrize(
    ("prompt", "value", "said"),
    [
        ("Ask me.", '"this"', "You said this."),
        ("May you?", "true", "You said True."),
        ("May you?", "false", "You said False."),
        ("Use my tool.", '"here"', "You said here."),
    ],
)
def test_a_question_is_answered_over_either_transport(
    tells: Script, prompt: str, value: str, said: str
) -> None:
    lines = tells(
        f"""
        const sessionId = newSessionId();
        const connection = await client.connect();
        for await (const {{ type, id, data }} of client.ask("{prompt}", {{ sessionId }})) {{
          if (REQUESTS.includes(type)) await client.answer(sessionId, id, {value});
          if (type === "complete") tell(data);
        }}
        for await (const {{ type, id, data }} of connection.ask("{prompt}")) {{
          if (REQUESTS.includes(type)) await connection.answer(id, {value});
          if (type === "complete") tell(data);
        }}
        connection.close();
        """
    )

    assert lines == [said, said]


def test_an_answer_that_nobody_wants_is_told_and_the_turn_goes_on(tells: Script) -> None:
    lines = tells(
        """
        const connection = await client.connect();
        for await (const { type, id, error } of connection.ask("Ask me.")) {
          if (type === "question") await connection.answer("another", 1);
          if (type === "refused") tell(error), await connection.cancel();
          if (type === "cancelled") tell(type);
        }
        connection.close();
        """
    )

    assert lines == ["Nobody has asked this question.", "cancelled"]


def test_the_history_is_told_and_deleted(tells: Script) -> None:
    lines = tells(
        """
        const sessionId = newSessionId();
        tell(await text(client.ask("Hello!", { sessionId })));
        tell(await client.history(sessionId));
        await client.delete(sessionId);
        await client.history(sessionId).catch((error) => tell([error.name, error.status]));
        """
    )

    assert lines[1]["history"] == [
        {"role": "user", "content": "Hello!"},
        {"role": "assistant", "content": "You said: Hello! "},
    ]
    assert lines[2] == ["AgentError", 404]


def test_a_session_id_may_be_any_text(tells: Script) -> None:
    lines = tells(
        """
        const sessionId = "a/b:?#%2F é";
        tell(await text(client.ask("Hello!", { sessionId })));
        tell((await client.history(sessionId)).session_id);
        """
    )

    assert lines == ["You said: Hello! ", "a/b:?#%2F é"]


def test_a_second_prompt_is_refused_while_a_turn_is_under_way(tells: Script) -> None:
    lines = tells(
        """
        const sessionId = newSessionId();
        const first = client.ask("Speak for ever.", { sessionId });
        await first.next();
        await client.ask("Hello!", { sessionId }).next().catch((error) => tell(error.status));
        const connection = await client.connect({ sessionId });
        await connection.ask("Hello!").next().catch((error) => tell(error.message));
        await client.cancel(sessionId);
        tell(await text(connection.ask("Hello!")));
        connection.close();
        await first.return();
        """
    )

    assert lines == [409, "This session has a turn under way.", "You said: Hello! "]


# ── the connection is lost ───────────────────────────────────────────────────────────────────────


def test_b5_a_stream_that_is_cut_in_the_middle_of_an_event_goes_on(
    served: Served, tells: Script
) -> None:
    marks = (b'"content": "3 ', b'"content": "7 "}\n', b"id: 1-20\n")
    with cutting(served.port, *marks) as url:
        lines = tells(
            """
            const waits = [];
            tell(await text(client.ask("Count.", { onReconnect: (wait) => waits.push(wait) })));
            tell(waits);
            """,
            url,
        )

    assert lines == [NUMBERS, [50, 50, 50]]  # the reconnection time that the server has told


def test_a_web_socket_that_is_cut_goes_on_where_it_was(served: Served, tells: Script) -> None:
    with cutting(served.port, b'"c":"3 ', b'"c":"20 "}') as url:
        lines = tells(
            """
            const waits = [];
            const connection = await client.connect({ onReconnect: (wait) => waits.push(wait) });
            tell(await text(connection.ask("Count.")));
            tell(await text(connection.ask("Hello!")));
            tell(waits);
            connection.close();
            """,
            url,
        )

    assert lines == [NUMBERS, "You said: Hello! ", [1000, 1000]]


SENT_ONCE = """
const connection = await client.connect();
tell(await text(connection.ask("Hello!")));
tell((await client.history(connection.sessionId)).history.length);
connection.close();
"""


def test_a_prompt_whose_turn_was_never_heard_of_is_sent_again_only_if_it_has_not_begun(
    served: Served, tells: Script
) -> None:
    # The first event of the turn is cut; the history tells that the turn exists.
    with cutting(served.port, b'{"t":"block_start"') as url:
        begun = tells(SENT_ONCE, url)
    # The connection is cut as soon as it is open: the prompt does not arrive.
    with cutting(served.port, b"\r\n\r\n") as url:
        unbegun = tells(SENT_ONCE, url)

    assert begun == unbegun == ["You said: Hello! ", 2]


def test_a_web_socket_that_was_never_open_is_an_error(served: Served, tells: Script) -> None:
    with cutting(served.port, b"Sec-WebSocket-Accept: ") as url:
        lines = tells("await client.connect().catch((error) => tell(error.message));", url)

    assert lines == ["There is no connection to be had."]


def test_a_prompt_that_was_accepted_is_not_sent_again(served: Served, tells: Script) -> None:
    with cutting(served.port, b'{"session_id":') as url:
        lines = tells('tell(await text(client.ask("Hello!")));', url)

    assert lines == ["You said: Hello! "]


def test_a_proxy_that_is_not_ready_is_asked_again(tells: Script) -> None:
    lines = tells(
        """
        const waits = [];
        const onReconnect = (wait) => waits.push(wait);
        tell(await text(client.ask("Hello!", { sessionId: newSessionId(), onReconnect })));
        tell(await text(client.ask("Hello!", { sessionId: "unready-1", onReconnect })));
        tell(waits);
        """
    )

    assert lines == ["You said: Hello! ", "You said: Hello! ", [1000]]


def test_b6_after_the_last_event_there_is_nothing_more(tells: Script) -> None:
    lines = tells(
        """
        const sessionId = newSessionId();
        for await (const { eventId } of client.ask("Hello!", { sessionId })) tell(eventId);
        await types(client.follow(sessionId, "1-13"));
        await types(client.follow(sessionId, "1-11"));
        """
    )

    assert lines[13:] == [["block_end", None, "1-12"], ["complete", None, "1-13"]]


@pytest.mark.parametrize(
    ("session", "status", "message"),
    [
        ("unknown", 404, "Session not found or expired"),
        ("page", 200, "Expected an event stream, not text/html"),
    ],
)
def test_what_is_no_event_stream_is_an_error(
    tells: Script, session: str, status: int, message: str
) -> None:
    lines = tells(
        f"""
        const failed = ({{ status, message }}) => tell([status, message]);
        await client.follow("{session}").next().catch(failed);
        """
    )

    assert lines == [[status, message]]


def test_a_session_that_is_unknown_is_refused_on_a_web_socket(tells: Script) -> None:
    lines = tells(
        """
        const connection = await client.connect({ sessionId: "unknown" });
        await connection.follow().next().catch((error) => tell([error.name, error.message]));
        tell(await text(connection.ask("Hello!")));
        connection.close();
        """
    )

    assert lines == [["AgentError", "Session not found or expired"], "You said: Hello! "]


def test_a_message_that_is_too_large_is_an_error(tells: Script) -> None:
    lines = tells(
        """
        const connection = await client.connect();
        await connection.ask("x".repeat(5000)).next().catch((error) => tell(error.name));
        connection.close();
        """
    )

    assert lines == ["AgentError"]


# ── listening ends ───────────────────────────────────────────────────────────────────────────────


def test_who_stops_listening_cancels_nothing_and_may_follow_again(tells: Script) -> None:
    lines = tells(
        """
        const sessionId = newSessionId();
        for await (const { type } of client.ask("Count.", { sessionId }))
          if (type === "text") break;
        tell((await client.history(sessionId)).status);
        tell(await text(client.follow(sessionId)));

        const connection = await client.connect({ sessionId });
        for await (const { type } of connection.ask("Count.")) if (type === "text") break;
        tell((await client.history(sessionId)).status);
        tell(await text(connection.follow()));
        tell(await text(connection.ask("Hello!")));
        connection.close();
        """
    )

    assert lines == ["streaming", NUMBERS, "streaming", NUMBERS, "You said: Hello! "]


def test_an_aborted_signal_ends_the_telling(tells: Script) -> None:
    lines = tells(
        """
        const [first, second] = [new AbortController(), new AbortController()];
        const sessionId = newSessionId();
        try {
          for await (const { type } of client.ask("Count.", { sessionId, signal: first.signal }))
            if (type === "text") first.abort();
        } catch (error) {
          tell(error.name);
        }
        const onReconnect = () => second.abort();
        const options = { sessionId: "unready-2", signal: second.signal, onReconnect };
        await client.ask("Hello!", options).next().catch((error) => tell(error.name));
        """
    )

    assert lines == ["AbortError", "AbortError"]


def test_a_connection_that_is_closed_tells_nothing_more(tells: Script) -> None:
    lines = tells(
        """
        const connection = await client.connect();
        for await (const { type } of connection.ask("Hello!")) {
          tell(type);
          // The server has said all that it has to say, and we have not read it.
          while ((await client.history(connection.sessionId)).status === "streaming");
          connection.close();
        }
        await connection.ask("Hello!").next().catch((error) => tell(error.message));
        """
    )

    assert lines == ["block_start", "The connection is closed."]


def test_a_connection_that_is_closed_is_not_made_again(served: Served, tells: Script) -> None:
    with cutting(served.port, b'"c":"3 ') as url:
        lines = tells(
            """
            const connection = await client.connect({ onReconnect: () => connection.close() });
            tell(await text(connection.ask("Count.")));
            """,
            url,
        )

    assert lines == ["1 2 "]


# ── the event stream, to the letter ──────────────────────────────────────────────────────────────

DECODE = """
const decode = (chunks) => {
  const decoder = new EventStreamDecoder();
  const events = chunks.flatMap((chunk) => decoder.feed(chunk));
  const { lastEventId, reconnectionTime = null } = decoder;
  return { events, lastEventId, reconnectionTime };
};
for (const line of readFileSync(0, "utf-8").trim().split("\\n")) {
  const stream = Buffer.from(line, "base64");
  const whole = decode([stream]);
  const ways = [Array.from(stream, (byte) => Uint8Array.of(byte))];
  for (let cut = 0; cut <= Math.min(stream.length, 300); cut++)
    ways.push([stream.subarray(0, cut), new Uint8Array(), stream.subarray(cut)]);
  for (const way of ways)
    if (JSON.stringify(decode(way)) !== JSON.stringify(whole)) tell(["cut", line]);
  tell(whole);
}
"""


def test_the_decoder_reads_every_stream_of_the_corpus_at_every_cut(tells: Script) -> None:
    short = (re.sub(b"9{99,}|0{99,}", lambda run: run[0][:20], each) for each, _ in CORPUS.values())
    streams = [*short]  # the reference has a limit for numbers
    streams += [BOM + b"data: a\r\rdata: b\r\n\r\n", b"id: 1\ndata: \xe2\x82\xac\n\nid: 2\n\n"]

    lines = tells(DECODE, stdin="\n".join(base64.b64encode(each).decode() for each in streams))

    assert len(lines) == len(streams)
    for stream, line in zip(streams, lines, strict=True):
        reference = Reference(stream)
        assert line == {
            "events": [
                {"type": event.event, "data": event.data, "lastEventId": last}
                for event, last in zip(reference.events, reference.last_event_ids, strict=True)
            ],
            "lastEventId": reference.last_event_id,
            "reconnectionTime": reference.reconnection_time,
        }, json.dumps(line)


def test_the_decoder_goes_on_after_the_last_event_id_of_another(tells: Script) -> None:
    lines = tells('tell(new EventStreamDecoder("7").feed(Buffer.from("data: a\\n\\n")));')

    assert lines == [[{"type": "message", "data": "a", "lastEventId": "7"}]]
