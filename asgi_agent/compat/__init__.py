"""The names of the systems that this library replaces."""
