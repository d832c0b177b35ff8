"""How to see again what a script has brought about: JSON, a `curl` line, a test for pytest."""

from shlex import quote

from .transcript import Request

LIMIT = 4000  # characters; nobody types a longer script


def reproducer(requirement: str, text: str, request: Request) -> str:
    """The script with this JSON, which was sent with this request, in three ways."""
    if len(text) > LIMIT:
        return f"a script of {len(text)} characters: see the record"
    return "\n\n".join([text, curl_line(text, request), pytest_test(requirement, text, request)])


def curl_line(text: str, request: Request) -> str:
    """The command that sends the script, and shows what comes as it comes."""
    if request.method == "GET":
        return f"curl -N {quote(_origin(request) + request.target)}"
    field = quote("Content-Type: application/json")
    return f"curl -N -H {field} --data-binary {quote(text)} {quote(_url(request))}"


def pytest_test(requirement: str, text: str, request: Request) -> str:
    """A test that passes as soon as the requirement holds for the script."""
    return (
        "from sse_conformance.drivers.emit import again\n\n\n"
        f"def test_{requirement.lower().replace('-', '_')}() -> None:\n"
        f'    outcome = again("{requirement}", {_url(request)!r}, {text!r})\n'
        '    assert outcome.found == "holds", outcome.evidence'
    )


def _url(request: Request) -> str:
    """Where the producer is, without the script that a GET carries in its target."""
    target = request.target
    if request.method == "GET":
        target = target.rpartition("script=")[0].rstrip("?&")
    return _origin(request) + target


def _origin(request: Request) -> str:
    host = next((value for name, value in request.fields if name.lower() == b"host"), b"localhost")
    scheme = "https" if host.endswith(b":443") else "http"
    return f"{scheme}://{host.decode('latin-1')}"
