"""Copies the arguments of functions: arrays, containers, the script's own objects."""

import copy
import types
from typing import Any

import numpy as np

from .array import Recorded, strip, with_parts
from .binding import Path
from .number import PYTHON_NUMBERS, plain
from .watching import file_of

DEPTH = 6  # levels of containers and objects in each other that are copied
MOST_COPIED = 2_000_000  # numbers in all arrays together


class TooLarge(Exception):  # noqa: N818 - it becomes a reason
    """The arguments have too many numbers to be copied."""


class Copies:
    """Copies several values: where two of them share an object, their copies share its copy."""

    def __init__(self) -> None:
        self.objects: list[tuple[Path, Any]] = []  # the script's own, copied
        self._known: dict[int, Any] = {}
        self._kept: list[Any] = []  # the originals: while we hold one, no other gets its id
        self._size = 0

    def array(self, value: Any, path: Path) -> Any:
        """The copy of an array or a NumPy number."""
        return np.array(value) if np.shape(value) else value

    def copy(self, value: Any, path: Path = ()) -> Any:
        """A copy of an argument; anything but data and the script's own objects is not copied.

        Raises:
            TooLarge: it has too many numbers.

        """
        if value is None or type(value) in (int, bool, str):
            return value
        if type(value) in PYTHON_NUMBERS:
            value = plain(value)
        if isinstance(value, float) and not isinstance(value, np.ndarray):
            return self.array(np.float64(value), path) if len(path) == 1 else float(value)
        # f(x, x) has two inputs
        if id(value) in self._known and not (len(path) == 1 and isinstance(value, np.ndarray)):
            return self._known[id(value)]
        made = self._copied(value, path)
        self._kept.append(value)
        self._known[id(value)] = made
        return made

    def _copied(self, value: Any, path: Path) -> Any:
        if isinstance(value, Recorded):
            value = strip(value)
        if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "fiub":
            self._size += value.size
            if self._size > MOST_COPIED:
                raise TooLarge
            return self.array(value, path)
        if len(path) > DEPTH:
            return value
        if isinstance(value, dict):
            made = self._known[id(value)] = copy.copy(value)
            for k, x in value.items():
                made[k] = self.copy(x, (*path, ("[", k)))
            return made
        if isinstance(value, list | tuple):
            return with_parts(value, [self.copy(x, (*path, ("[", i))) for i, x in enumerate(value)])
        return self._object(value, path)

    def _object(self, value: Any, path: Path) -> Any:
        """A copy of an object whose class is the script's own."""
        own = getattr(value, "__dict__", None)
        code = isinstance(value, types.ModuleType | types.FunctionType | type | types.MethodType)
        if code or not isinstance(own, dict) or not _is_own_class(type(value)):
            return value
        made = self._known[id(value)] = copy.copy(value)
        self.objects.append((path, made))
        for name, x in own.items():
            made.__dict__[name] = self.copy(x, (*path, (".", name)))
        return made


def _is_own_class(kind: type) -> bool:
    """Is this class written in Python, and not part of an installed package?"""
    files = [file_of(f) for f in vars(kind).values() if isinstance(f, types.FunctionType)]
    installed = ("site-packages", "/lib/python")
    return bool(files) and not any(part in file for file in files for part in installed)
