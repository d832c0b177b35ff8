"""The recorders: they do the I/O, keep what they see, and judge nothing."""
