"""Dialects: each writes the entries of a run as one family of clients reads them."""
