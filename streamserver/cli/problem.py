"""What keeps a command from its work, though it was well-formed."""


class CannotServe(Exception):
    """Ends the command with exit status 1; the message says, in one line, what failed."""
