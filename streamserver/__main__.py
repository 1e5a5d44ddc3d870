"""`python -m streamserver`."""

import signal
import sys

# Their default action ends the process. They are blocked while the command is imported: a command
# that serves handles them, any other unblocks them.
signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2))

from streamserver.cli import main  # noqa: E402 - the signals come first

if __name__ == "__main__":
    sys.exit(main())
