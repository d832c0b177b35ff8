"""The command: `sse-conformance check URL`, and what else the suite can look at."""

import argparse
import sys
import traceback
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path

from . import __version__, commands
from .baseline import BaselineError
from .catalogue import catalogue
from .checks.consumer import BROWSER
from .options import Options
from .report.report import Exit

PROFILES = ("sse", "agent", "ag-ui", "openai", "universal")
EPILOG = """exit status: 0 all that was judged is fine; 1 findings; 2 an error of the suite, or of
its use; 3 nothing could be measured. What the verdicts mean: sse-conformance explain verdicts"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command. Its exit status is one of `Exit`."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given and "://" in given[0]:
        given.insert(0, "check")
    options = _parser().parse_args(given)
    try:
        if "fail_on" in options:
            options.options = options_of(options)
        status: int = options.run(options)
    except KeyboardInterrupt:
        return Exit.ERROR
    except (BaselineError, commands.Misused, ImportError, OSError, ValueError) as error:
        print(f"sse-conformance: {error}", file=sys.stderr)
        return Exit.ERROR
    except Exception:  # noqa: BLE001 - Python would end with 1, which says that there are findings
        traceback.print_exc()
        return Exit.ERROR
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "sse-conformance",
        description="Check servers and clients of Server-Sent Events against the specifications.",
        epilog=EPILOG,
    )
    parser.add_argument("--version", action="version", version=__version__)
    verbs = parser.add_subparsers(required=True, metavar="command")
    for verb, function, about in (
        ("check", commands.check, "any event stream, as it is: at most 20 s"),
        ("emit", commands.emit, "a server that emits what it is told: also generated events"),
        ("ws", commands.ws, "a WebSocket of an agent"),
    ):
        command = verbs.add_parser(verb, help=about)
        command.add_argument("url")
        _add_options(command)
        command.set_defaults(run=function)
    command = verbs.add_parser("asgi", help="an ASGI application, in this process")
    command.add_argument("app", metavar="module:app")
    command.add_argument("--path", default="/", help="of the event stream (%(default)s)")
    command.add_argument("--method", default="GET", help="that asks for it (%(default)s)")
    command.add_argument("--content", default="", metavar="TEXT", help="of the request")
    command.add_argument("--websocket-path", metavar="PATH", help="if there is a WebSocket")
    _add_options(command)
    command.set_defaults(run=commands.asgi)
    command = verbs.add_parser("client", help="a consumer: its decoder, or a whole client")
    command.add_argument("--serve", type=int, metavar="PORT", help="a page for browsers")
    command.add_argument("--service", metavar="URL", help="a test service, as some SDKs have")
    _add_options(command)
    command.add_argument("command", nargs="*", metavar="-- CMD", help="reads cases, writes events")
    command.set_defaults(run=commands.client)
    _add_verbs_about_records(verbs.add_parser)
    return parser


def _add_verbs_about_records(add_verb: Callable[..., argparse.ArgumentParser]) -> None:
    command = add_verb("replay", help="judge what was saved, again")
    command.add_argument("file", type=Path)
    _add_options(command)
    command.set_defaults(run=commands.replay)
    command = add_verb("matrix", help="many JSON reports as one page of HTML")
    command.add_argument("files", type=Path, nargs="+", metavar="A.json")
    command.add_argument("--html", type=Path, default=Path("matrix.html"), help="(%(default)s)")
    command.set_defaults(run=commands.matrix)
    command = add_verb("list", help="all requirements")
    command.add_argument("--group")
    command.set_defaults(run=commands.list_requirements)
    command = add_verb("explain", help="one requirement: why, and how to mend it")
    command.add_argument("id")
    command.set_defaults(run=commands.explain)
    command = add_verb("serve-mutant", help="a server that breaks one requirement")
    command.add_argument("id")
    command.add_argument("--port", type=int, default=8000)
    command.set_defaults(run=commands.serve_mutant)


def _add_options(command: argparse.ArgumentParser) -> None:
    add = command.add_argument_group("what is looked at").add_argument
    add("--select", action="append", default=[], metavar="GLOB", help="only these ids, as FRM-*")
    add("--ignore", action="append", default=[], metavar="GLOB", help="not these ids")
    add("--level", choices=("must", "should", "may"), default="may", help="at least of this level")
    add("--profile", choices=PROFILES, default="sse", help="practices that come together")
    add("--claim", action="append", default=[], help="a capability: its practices count as MUST")
    add("--of-host", action="append", default=[], metavar="ID", help="the host program's doing")
    add("--cors", metavar="ORIGIN", help="an origin that is to be allowed to read the stream")
    add("--header", action="append", default=[], metavar="NAME:VALUE", help="of every request")
    add = command.add_argument_group("how").add_argument
    add(
        "--fast",
        action="store_true",
        help="in a hurry: no heartbeat is waited for, and check takes 5 s",
    )
    add("--slow", action="store_true", help="also what takes minutes")
    add("--load", action="store_true", help="also what opens 100 connections")
    add("--heartbeat", type=float, default=15.0, help="seconds of silence (%(default)s)")
    add("--time-scale", type=float, default=1.0, help="for slow machines (%(default)s)")
    add("--budget", type=float, default=30.0, help="seconds for examples (%(default)s)")
    add("--ci", action="store_true", help="the same examples each time")
    add("--pid", type=int, help="of the server: its memory, and how it stops")
    add("--i-own-this-target", action="store_true", help="attack it, though it is elsewhere")
    add("--dry-run", action="store_true", help="tell what would be judged, and end")
    add = command.add_argument_group("the report").add_argument
    add("--fail-on", choices=("must", "should", "never"), default="must", help="(%(default)s)")
    add("--baseline", type=Path, metavar="FILE", help="what is known not to hold, and why")
    add("--write-baseline", type=Path, metavar="FILE")
    for form in ("json", "junit", "sarif", "html", "badge"):
        add(f"--{form}", type=Path, metavar="FILE")
    add("--save", type=Path, metavar="FILE", help="what was recorded, for replay")


def options_of(given: argparse.Namespace) -> Options:
    """What the drivers and checks have to know of the command line."""
    of_host = {identifier.upper() for identifier in given.of_host}
    _refuse_unknown("--of-host", of_host, catalogue())
    _refuse_unknown("--claim", given.claim, claimable())
    headers: list[tuple[str, str]] = []
    for header in given.header:
        name, colon, value = header.partition(":")
        if not colon:
            raise commands.Misused(f"a header is NAME:VALUE, not {header!r}")
        headers.append((name.strip(), value.strip()))
    return Options(
        heartbeat=given.heartbeat,
        time_scale=given.time_scale,
        fast=given.fast,
        budget=given.budget,
        derandomize=given.ci,
        of_host=frozenset(of_host),
        claims=frozenset(given.claim),
        profile=given.profile,
        origin=given.cors,
        headers=tuple(headers),
        slow=given.slow,
        load=given.load,
        pid=given.pid,
        own_target=given.i_own_this_target,
    )


def claimable() -> set[str]:
    """What `--claim` can make a difference to."""
    return {each.capability for each in catalogue().values() if each.capability} | {BROWSER}


def _refuse_unknown(name: str, given: Iterable[str], known: Collection[str]) -> None:
    # What is misspelt would never be looked at, and nobody would notice.
    for each in given:
        if each not in known:
            raise commands.Misused(f"{name} {each}: there is only {', '.join(sorted(known))}")
