"""Puts findings into words: for a terminal, a page, a program, an editor.

`outline` decides what a report says, once for every medium; the other rooms only lay it out. Other
wings import the names below from here.
"""

from .formats import github, gnu, gradescope, sarif
from .page import class_pages
from .table import csv_of, table_of
from .terminal import Style

__all__ = ["Style", "class_pages", "csv_of", "github", "gnu", "gradescope", "sarif", "table_of"]
