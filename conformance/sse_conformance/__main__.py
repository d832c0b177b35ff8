"""The command `sse-conformance`, also as `python -m sse_conformance`."""

import sys

try:
    from .cli import main
except ModuleNotFoundError as missing:
    what = f"{missing.name} is missing: pip install 'asgi_agent[conformance]'"
    sys.stderr.write(f"sse-conformance: {what}\n")
    sys.exit(2)

if __name__ == "__main__":
    sys.exit(main())
