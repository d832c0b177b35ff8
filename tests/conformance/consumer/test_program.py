"""Programs that read the corpus line by line, those that are sound and those that are not."""

import sys
from collections import Counter
from pathlib import Path

import pytest

from sse_conformance.corpus import corpus, cuts
from sse_conformance.drivers import client as driver
from sse_conformance.drivers import reading
from sse_conformance.drivers.client import client
from sse_conformance.drivers.reading import ContractError
from sse_conformance.judge import judge
from sse_conformance.options import Options
from sse_conformance.transcript import Reading, Record, load
from sse_conformance.wire import lines

ROOT = Path(__file__).parents[3]
ADAPTERS = ROOT / "conformance" / "adapters" / "consumers"
PRELUDE = "import json, sys\ndef answer(**said): print(json.dumps(said), flush=True)\n"
SWIFT = Options(time_scale=0.1)


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "FAREWELL", 0.2)


FEW = ("bom-leading", "bom-twice", "eol-lf", "id-stays")


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """A corpus that is soon read."""
    monkeypatch.setattr(reading, "corpus", lambda: {id: corpus()[id] for id in FEW})


def readings(record: Record) -> list[Reading]:
    return [item for item in record.all("reading") if isinstance(item, Reading)]


def python(program: str) -> list[str]:
    return [sys.executable, "-c", PRELUDE + program]


@pytest.mark.parametrize(
    "program", [ADAPTERS / "asgi_agent_decoder.py", Path(__file__).with_name("interpreter.py")]
)
def test_our_decoder_and_our_interpreter_deviate_in_no_cut_of_any_stream(program: Path) -> None:
    record = client([sys.executable, str(program)])

    deviating = [each for each in readings(record) if each.observed != each.expected]
    assert deviating == []
    assert len(readings(record)) == sum(len(list(cuts(case.stream))) for case in corpus().values())
    verdicts = {each.requirement.id: each.verdict.value for each in judge(record)}
    assert {verdicts[f"CON-{number:02}"] for number in range(1, 14)} == {"pass"}
    assert {verdicts[f"CON-{number}"] for number in range(14, 25)} == {"skip"}


@pytest.mark.usefixtures("few")
def test_a_record_of_readings_can_be_saved_and_judged_again(tmp_path: Path) -> None:
    program = r'for line in sys.stdin: answer(events=[{"data": "\ud800"}])'
    record = client(python(program))
    record.save(tmp_path / "record.jsonl")

    again = judge(load(tmp_path / "record.jsonl"))

    assert [each.evidence for each in again] == [each.evidence for each in judge(record)]


@pytest.mark.usefixtures("few")
def test_a_client_that_tells_no_ids_is_not_asked_for_them() -> None:
    program = """
from base64 import b64decode
from sse_conformance.sse import interpret
for line in sys.stdin:
    read = interpret(b"".join(map(b64decode, json.loads(line)["chunks"])))
    answer(events=[{"event": each.type, "data": each.data} for each in read.events])
"""
    record = client(python(program))

    assert {each.verdict.value for each in judge(record)} == {"pass", "skip"}


@pytest.mark.usefixtures("few")
def test_what_is_not_told_is_nothing() -> None:
    record = client(python('for line in sys.stdin: answer(events=[{"event": None, "id": None}])'))

    assert readings(record)[0].observed == ({"event": "message", "data": "", "id": ""},)
    assert readings(record)[0].tells_retry is False


@pytest.mark.usefixtures("few")
def test_an_error_ends_the_cuts_of_its_stream() -> None:
    record = client(python('for line in sys.stdin: answer(error="too much")'))

    assert Counter(each.cut for each in readings(record)) == {"whole": len(FEW)}
    assert {each.note for each in readings(record)} == {"too much"}


@pytest.mark.usefixtures("few")
def test_an_error_may_be_no_text_that_could_be_written(tmp_path: Path) -> None:
    record = client(python(r'for line in sys.stdin: answer(error="\ud800!")'))

    record.save(tmp_path / "record.jsonl")
    assert {each.note for each in readings(load(tmp_path / "record.jsonl"))} == {"?!"}


def test_brackets_without_end_are_no_answer() -> None:
    with pytest.raises(ContractError):
        client(python('print("[" * 100_000, flush=True)'))


@pytest.mark.usefixtures("few")
def test_a_program_that_ends_is_started_again() -> None:
    program = """
for line in sys.stdin:
    if '"bom-twice, whole"' in line:
        sys.exit("I am not well")
    answer(events=[])
"""
    record = client(python(program))

    notes = {each.case: each.note for each in readings(record) if each.note}
    assert notes == {"bom-twice": "it ended with status 1: I am not well"}
    assert readings(record)[-1].case == FEW[-1]


def test_a_program_that_always_ends_is_not_started_for_ever() -> None:
    record = client(python("answer(events=[])"))  # it has answered, and asks for nothing

    assert 0 < len(readings(record)) <= 2 * reading.MOST_STARTS


def test_a_program_that_ends_while_it_is_asked_has_not_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reading, "corpus", lambda: {"eol-lf": corpus()["eol-lf"]})
    monkeypatch.setattr(reading, "MOST_STARTS", 2)
    program = """
import os, time
sys.stdin.readline()
os.close(0)
answer(events=[])
time.sleep(60)
"""
    record = client(python(program))

    assert [each.note for each in readings(record)] == ["", "no answer"]


@pytest.mark.usefixtures("few")
def test_a_program_that_hangs_is_ended() -> None:
    program = """
import time
for line in sys.stdin:
    if '"bom-twice, whole"' in line:
        time.sleep(60)
    answer(events=[])
"""
    record = client(python(program), SWIFT)

    notes = {each.case: each.note for each in readings(record) if each.note}
    assert notes == {"bom-twice": "no answer in 0.5 s"}


@pytest.mark.usefixtures("few")
def test_a_program_that_closes_its_output_but_goes_on_is_ended() -> None:
    program = """
import os, time
for line in sys.stdin:
    if '"bom-twice, whole"' in line:
        os.close(1)
        time.sleep(60)
    answer(events=[])
"""
    record = client(python(program))

    notes = {each.case: each.note for each in readings(record) if each.note}
    assert notes == {"bom-twice": "no answer"}


@pytest.mark.usefixtures("few")
def test_what_it_has_started_in_a_session_of_its_own_does_not_hold_us() -> None:
    program = """
import subprocess
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3)"], start_new_session=True)
for line in sys.stdin:
    sys.exit(3)
"""
    assert readings(client(python(program), Options(time_scale=0.02))) == []


def test_a_program_that_never_answers_is_not_judged() -> None:
    record = client(python("sys.exit(3)"))

    assert list(record) == []
    assert {each.verdict.value for each in judge(record)} == {"skip"}


def test_a_command_that_is_none_is_an_error_of_the_user() -> None:
    with pytest.raises(OSError, match="no-such-command"):
        client(["no-such-command"])


@pytest.mark.parametrize(
    "answer",
    [
        "hello",
        "[]",
        '{"events": 7}',
        '{"events": ["data"]}',
        '{"events": [{"data": 7}]}',
        '{"events": [], "retry": "7"}',
        '{"events": [], "retry": true}',
    ],
)
def test_an_answer_that_is_not_of_the_contract_is_an_error_of_the_user(answer: str) -> None:
    with pytest.raises(ContractError, match="is no answer"):
        client(python(f"for line in sys.stdin: print({answer!r}, flush=True)"))


@pytest.mark.usefixtures("few")
def test_an_endless_line_is_asked_for_where_slow_checks_are_wanted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reading, "ENDLESS", 2)
    program = """
for line in sys.stdin:
    answer(**({"error": "too long"} if '"endless' in line[:20] else {"events": []}))
"""
    record = client(python(program), Options(slow=True))

    (result,) = [each for each in judge(record) if each.requirement.id == "CON-21"]
    assert (result.verdict.value, result.evidence) == (
        "pass",
        "endless, read every 1048576: too long",
    )


def test_all_of_it_is_bounded_and_what_was_read_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "TOTAL", 0.5)
    program = "import time\nfor line in sys.stdin: time.sleep(0.1); answer(events=[])"

    record = client(python(program))

    assert 0 < len(readings(record)) < 10


def test_progress_is_told() -> None:
    told: list[str] = []

    client(python("sys.exit()"), progress=told.append)

    assert told == [f"0 of {len(corpus())} streams have been read"]
