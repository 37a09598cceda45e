"""Checks whether a hand-written backward pass is right.

Three phases: `recording` runs the script in a process of its own, on a NumPy that writes each
operation to a tape; `judging` reads the tape and returns findings; `saying` puts them into words.
Importing this wing needs no torch: the judge is imported when there is something to judge.
"""

from .assertion import assert_backprop, assert_backward
from .check import check_file
from .many import check_files, find_files
from .notebook import add_magic, assert_notebook
from .saying.table import Row
from .verdict import Verdict

__all__ = [
    "Row",
    "Verdict",
    "add_magic",
    "assert_backprop",
    "assert_backward",
    "assert_notebook",
    "check_file",
    "check_files",
    "find_files",
]
