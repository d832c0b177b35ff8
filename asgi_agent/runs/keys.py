"""How the logs are called that are kept beside those of the runs themselves."""


def mailbox_of(run_id: str) -> str:
    """The log of what a run is told."""
    return f"inbox:{run_id}"


def session_log(session_id: str) -> str:
    """The log of a session's turns."""
    return f"session:{session_id}"
