"""The command, as a person and as a build types it."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from sse_conformance import cli, commands
from sse_conformance.__main__ import main as command
from sse_conformance.catalogue import catalogue
from sse_conformance.cli import main
from sse_conformance.mutants import MUTANTS
from sse_conformance.mutants.golden import Golden
from sse_conformance.mutants.http import Asked, Fields
from sse_conformance.mutants.serving import wait_until_listening
from sse_conformance.report.report import Exit
from tests.serving import free_port

ROOT = Path(__file__).parents[3]
COMMAND = [sys.executable, "-m", "sse_conformance"]


def without(fields: Fields, name: str) -> Fields:
    return [field for field in fields if field[0] != name]


class Unlabelled(Golden):
    """It forgets to say what it sends."""

    def stream_fields(self, asked: Asked) -> Fields:
        return [
            ("Content-Type", "text/plain"),
            *without(super().stream_fields(asked), "Content-Type"),
        ]


class Uncached(Golden):
    """It lets caches keep its streams."""

    def stream_fields(self, asked: Asked) -> Fields:
        return without(super().stream_fields(asked), "Cache-Control")


@pytest.fixture
def served() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def url_of(stack: ExitStack, golden: Golden) -> str:
    return stack.enter_context(golden.served())


def short(kind: type[Golden] = Golden) -> Golden:
    return kind(events=2, interval=0.02)


def test_a_sound_server_is_fine_and_the_verb_may_be_left_out(
    served: ExitStack, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"{url_of(served, short())}/stream"
    assert main([url, "--fast", "--fail-on", "should", "--cors", "https://a.example"]) == Exit.FINE
    printed = capsys.readouterr().out
    assert printed.split("\n")[1].startswith(f"check {url}: ")
    assert "fail" not in printed


def test_a_fault_makes_the_command_fail_and_is_in_every_report(
    served: ExitStack, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"{url_of(served, short(Unlabelled))}/stream"
    forms = ("json", "junit", "sarif", "html", "badge", "save", "write-baseline")
    paths = {form: tmp_path / form for form in forms}
    options = [part for form, path in paths.items() for part in (f"--{form}", str(path))]
    assert main(["check", url, "--fast", *options]) == Exit.FINDINGS
    assert "HTTP-02 MUST fail" in capsys.readouterr().out
    for form in ("json", "junit", "sarif", "html", "write-baseline"):
        assert "HTTP-02" in paths[form].read_text("utf-8"), form
    assert json.loads(paths["badge"].read_text())["color"] == "red"

    # What was saved is judged the same; with the baseline it is fine; and the matrix has both.
    assert main(["replay", str(paths["save"])]) == Exit.FINDINGS
    baseline = ["--baseline", str(paths["write-baseline"])]
    assert main(["replay", str(paths["save"]), *baseline]) == Exit.FINE
    assert main(["replay", str(paths["save"]), "--ignore", "HTTP-*"]) == Exit.FINE
    page = tmp_path / "matrix.html"
    assert main(["matrix", str(paths["json"]), str(paths["json"]), "--html", str(page)]) == 0
    assert page.read_text("utf-8").count("HTTP-02 MUST: ") == 1


def test_a_should_fails_only_where_that_is_asked_for(served: ExitStack) -> None:
    url = f"{url_of(served, short(Uncached))}/stream"
    only = ["--select", "http-04", "--select", "HTTP-01", "--fast"]
    assert main([url, *only]) == Exit.FINE
    assert main([url, *only, "--fail-on", "should"]) == Exit.FINDINGS
    assert main([url, *only, "--fail-on", "should", "--level", "must"]) == Exit.FINE


def test_a_baseline_that_became_stale_fails(
    served: ExitStack, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    baseline = tmp_path / "baseline.toml"
    baseline.write_text('[[expect]]\nid = "HTTP-02"\nverdict = "fail"\nreason = "known"\n')
    url = f"{url_of(served, short())}/stream"
    assert main([url, "--fast", "--baseline", str(baseline)]) == Exit.FINDINGS
    assert "HTTP-02 baseline   expected fail, found pass" in capsys.readouterr().out


def test_nothing_measured_is_not_fine() -> None:
    assert main([f"http://127.0.0.1:{free_port()}/", "--fast"]) == Exit.NOTHING


def test_a_producer_emits_what_is_asked_of_it(served: ExitStack) -> None:
    url = f"{url_of(served, Golden())}/emit"
    assert main(["emit", url, "--select", "FRM-08", "--budget", "0.5", "--ci"]) == Exit.FINE


def test_an_application_is_looked_at_in_this_process(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["asgi", "tests.conformance.asgi.apps:golden", "--fail-on", "should"]) == Exit.FINE
    assert "asgi " in capsys.readouterr().out


def test_a_websocket_that_is_not_there_is_not_fine() -> None:
    assert main(["ws", f"ws://127.0.0.1:{free_port()}/ws", "--fast"]) == Exit.NOTHING


def test_a_client_is_a_program_or_a_service_or_a_browser(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter = ROOT / "conformance/adapters/consumers/asgi_agent_decoder.py"
    assert main(["client", "--", sys.executable, str(adapter)]) == Exit.FINE
    assert main(["client", "--service", f"http://127.0.0.1:{free_port()}/"]) == Exit.ERROR
    monkeypatch.setattr("sse_conformance.drivers.client.ARRIVAL", 0.0)
    monkeypatch.setattr("sse_conformance.drivers.client.TOTAL", 0.1)
    assert main(["client", "--serve", str(free_port())]) == Exit.NOTHING
    assert "in a browser" in capsys.readouterr().err
    assert main(["client"]) == Exit.ERROR
    assert main(["client", "--serve", "1", "--", "cat"]) == Exit.ERROR


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "nonsense"],
        ["check", "http://127.0.0.1/", "--header", "no colon"],
        ["check", "http://127.0.0.1/", "--baseline", "/nowhere"],
        ["replay", "/nowhere"],
        ["replay", str(ROOT / "README.md")],
        ["matrix", str(ROOT / "pyproject.toml")],
        ["explain", "FRM-99"],
        ["serve-mutant", "FRM-99"],
        ["asgi", "nonsense"],
        ["asgi", "no_such_module:app"],
        ["check", "http://127.0.0.1/", "--header", "Accept-Encoding: gzip"],
        ["emit", "http://example.com/emit"],
        ["check", "http://127.0.0.1/", "--claim", "resmue"],
        ["check", "http://127.0.0.1/", "--of-host", "FLO-99"],
        ["check", "http://127.0.0.1/", "--time-scale", "0"],
        ["check", "http://127.0.0.1/", "--heartbeat", "nan"],
        ["emit", "http://127.0.0.1/", "--budget", "inf"],
    ],
)
def test_what_makes_no_sense_is_an_error_of_one_line(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == Exit.ERROR
    captured = capsys.readouterr()
    assert captured.err.startswith("sse-conformance: ")


def test_a_fault_of_the_suite_is_no_finding(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def failing(_: object) -> int:
        raise LookupError("a fault of ours")

    monkeypatch.setattr(commands, "list_requirements", failing)
    assert main(["list"]) == Exit.ERROR
    assert "a fault of ours" in capsys.readouterr().err


def test_without_the_extra_it_is_told_what_to_install() -> None:
    code = "import sys; sys.modules['h11'] = None; from sse_conformance.__main__ import main"
    told = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT / "conformance",
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == Exit.ERROR
    assert told.stderr.startswith("sse-conformance: h11 is missing: pip install")


@pytest.mark.parametrize(
    "arguments", [["frobnicate"], ["check", "http://127.0.0.1/", "--profile", "agnet"]]
)
def test_what_is_not_understood_is_told_with_the_usage(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as exited:
        main(arguments)
    assert exited.value.code == Exit.ERROR


def test_what_is_claimed_and_what_is_the_hosts_is_known_to_the_checks() -> None:
    arguments = ["check", "http://127.0.0.1/", "--claim", "resume", "--of-host", "flo-01"]
    options = cli.options_of(cli._parser().parse_args(arguments))
    assert options.claims == {"resume"}
    assert options.of_host == {"FLO-01"}


def test_the_headers_of_the_command_line_are_sent(served: ExitStack, tmp_path: Path) -> None:
    saved = tmp_path / "record"
    url = f"{url_of(served, short())}/stream"
    main([url, "--fast", "--header", "Authorization: Bearer x", "--save", str(saved)])
    assert '"headers":[["Authorization","Bearer x"]]' in saved.read_text("utf-8")


def test_a_dry_run_names_what_would_be_judged(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "http://127.0.0.1:1/", "--dry-run", "--select", "COR-*"]) == Exit.FINE
    lines = capsys.readouterr().out.split("\n")
    assert [line.split(" ")[0] for line in lines if line] == [f"COR-0{n}" for n in range(1, 7)]


def test_every_requirement_is_listed_and_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == Exit.FINE
    listed = [line.split(" ")[0] for line in capsys.readouterr().out.split("\n") if line]
    assert sorted(listed) == sorted(catalogue())
    assert main(["list", "--group", "cors"]) == Exit.FINE
    assert capsys.readouterr().out.count("COR-") == 6
    for identifier in catalogue():
        assert main(["explain", identifier.lower()]) == Exit.FINE
        told = capsys.readouterr().out
        assert told.startswith(identifier)
        assert catalogue()[identifier].clause in told
    assert main(["explain", "verdicts"]) == Exit.FINE
    assert "flaky" in capsys.readouterr().out


def test_a_terminal_is_told_what_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    commands.Line().tell("looking")
    assert capsys.readouterr().err == "\r\033[Klooking"


def test_a_mutant_is_served_until_it_is_interrupted() -> None:
    identifier = "REC-02"
    assert any(each.requirement == identifier and each.serve for each in MUTANTS)
    port = free_port()
    with subprocess.Popen(
        [*COMMAND, "serve-mutant", identifier, "--port", str(port)],
        cwd=ROOT / "conformance",
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert identifier in process.stdout.readline()
        wait_until_listening(port)
        with pytest.raises(HTTPError):  # it answers
            urlopen(f"http://127.0.0.1:{port}/nothing", timeout=5)
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == Exit.FINE


def test_whoever_is_interrupted_has_measured_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, "list_requirements", interrupted)
    assert main(["list"]) == Exit.ERROR


def test_the_package_is_a_command() -> None:
    assert command is main
    told = subprocess.run(
        [*COMMAND, "--version"], cwd=ROOT / "conformance", capture_output=True, check=True
    )
    assert told.stdout
