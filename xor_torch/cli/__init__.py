"""The command line: `main` runs ``xor-torch`` with a list of words and returns its exit code.

Nothing of the package imports this wing. Torch and Lightning are imported inside the commands, so
that ``--help`` and a refused call answer at once.
"""

from .commands import COMMANDS, main
from .terminal import BAD_CALL, DIFFERS, SUCCESS, UsageError

__all__ = ["BAD_CALL", "COMMANDS", "DIFFERS", "SUCCESS", "UsageError", "main"]
