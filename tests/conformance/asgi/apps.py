"""Applications that the driver is pointed at by their names."""

from sse_conformance.mutants.asgi_golden import Golden

golden = Golden()
number = 42
