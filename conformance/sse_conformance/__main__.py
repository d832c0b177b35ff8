"""`python -m sse_conformance`."""

import sys

from .cli import main

sys.exit(main())
