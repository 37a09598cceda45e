"""Is a hand-written backward pass right? Records a script, judges the recording, says so.

Three phases: `recording` runs the script in a process of its own, on a NumPy that writes each
operation to a tape; `judging` reads the tape and returns findings; `verdict` puts them into words.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # what _HOME says, for type checkers
    from .check import assert_backprop as assert_backprop
    from .check import check_file as check_file
    from .verdict import Verdict as Verdict

_HOME = {"check_file": "check", "assert_backprop": "check", "Verdict": "verdict"}

__all__ = [*_HOME]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
