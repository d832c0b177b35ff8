"""What the command does: run a host program, in one process or in several."""
