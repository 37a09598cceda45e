"""The command line. What a command needs is imported when it runs."""

from .main import BAD_CALL, COMMANDS, DIFFERS, SUCCESS, UsageError, main

__all__ = ["BAD_CALL", "COMMANDS", "DIFFERS", "SUCCESS", "UsageError", "main"]
