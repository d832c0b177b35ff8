"""Check that a server's event streams are what every client of Server-Sent Events can read."""
