"""Lets functions record that were imported without the recorder.

Until the end of a `with` block their modules see the stand-ins for NumPy, and each function runs
its rewritten code, as in a script. Then everything is put back.
"""

import contextlib
import linecache
import re
import sys
import types
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..code import Location
from .names import names_for
from .numpy_module import StandIn, math_module, numpy_module, real_module
from .recorder import Recorder

SourceText = tuple[str, list[Location]]  # the text of a file, and the place of each of its lines
OURS = __name__.split(".")[0]


@contextlib.contextmanager
def watched(
    recorder: Recorder,
    functions: Sequence[Any],
    sources: Mapping[str, SourceText] | None = None,
    main: str = "",
) -> Iterator[None]:
    """While the body runs, these functions and all that they call in their own files record.

    Args:
        recorder: its `Code` gets the text of the files.
        functions: written in Python.
        sources: file -> its text and the places of its lines, for files that `linecache` does not
            know.
        main: the file that comes first in `Code`; by default that of the first function.

    """
    known = sources or {}
    spaces, files = _own(functions)
    files = [*dict.fromkeys([*filter(None, [main]), *files, *known])]
    codes: dict[tuple[str, str, int], types.CodeType | None] = {}
    for number, file in enumerate(files):
        source = known.get(file) or _source(file, number == 0)
        if source is None:
            recorder.frames.add(file)
            continue
        try:
            for code in recorder.frames.compile(source[0], file, source[1]):
                _add_codes(code, codes)
        except (SyntaxError, ValueError, RecursionError):
            recorder.frames.add(file)
    stand_ins = {np: numpy_module(recorder), sys.modules["math"]: math_module(recorder)}
    undo: list[tuple[dict[str, Any], dict[str, Any]]] = []
    swapped: list[tuple[types.FunctionType, types.CodeType]] = []
    try:
        for function in _functions(spaces, functions):
            code = function.__code__
            new = codes.get((code.co_filename, code.co_name, code.co_firstlineno))
            if new is not None and new.co_freevars == code.co_freevars:
                swapped.append((function, code))
                function.__code__ = new
        for space in spaces:
            names = {k: v for k, v in names_for(recorder, stand_ins[np]).items() if k not in space}
            names |= {k: v for k, x in space.items() if (v := _stand_in(x, stand_ins)) is not x}
            undo.append((space, {k: space.get(k, _ABSENT) for k in names}))
            space.update(names)
        yield
    finally:
        for space, before in undo:
            for name, value in before.items():
                if value is _ABSENT:
                    space.pop(name, None)
                else:
                    space[name] = value
        for function, code in swapped:
            function.__code__ = code


_ABSENT = object()


def file_of(function: Any) -> str:
    """The file that a function stands in; "" if it is not written in Python."""
    code = getattr(_plain(function), "__code__", None)
    return code.co_filename if code else ""


def _own(functions: Sequence[Any]) -> tuple[list[dict[str, Any]], list[str]]:
    """The namespaces of these functions and of modules in their folders, and the files of both."""
    files = dict.fromkeys(filter(None, map(file_of, functions)))
    folders = {Path(file).parent for file in files if Path(file).is_file()}
    found: dict[int, dict[str, Any]] = {}
    waiting = [_globals(f) for f in functions]
    while waiting:
        space = waiting.pop()
        if space is None or id(space) in found:
            continue
        found[id(space)] = space
        file = space.get("__file__")
        if isinstance(file, str):
            files.setdefault(file)
        for value in list(space.values()):
            if isinstance(value, types.FunctionType):
                files.setdefault(value.__code__.co_filename) if value.__globals__ is space else None
            module = value if isinstance(value, types.ModuleType) else None
            name = getattr(value, "__module__", None)
            if module is None and isinstance(name, str):
                module = sys.modules.get(name)
            if module is not None and _is_own(module, folders):
                waiting.append(vars(module))
    kept = [f for f in files if f in map(file_of, functions) or _is_near(f, folders) or "<" in f]
    return list(found.values()), kept


def _globals(function: Any) -> dict[str, Any] | None:
    return getattr(_plain(function), "__globals__", None)


def _plain(function: Any) -> Any:
    """The function of a method, or of an object that can be called."""
    function = getattr(function, "__func__", function)
    if hasattr(function, "__code__"):
        return function
    return vars(type(function)).get("__call__")


def _is_own(module: types.ModuleType, folders: set[Path]) -> bool:
    file = getattr(module, "__file__", None)
    return isinstance(file, str) and _is_near(file, folders)


def _is_near(file: str, folders: set[Path]) -> bool:
    """Is a file in one of these folders or below, and not an installed package?"""
    path = Path(file)
    if path.suffix != ".py" or "site-packages" in path.parts or not folders & {*path.parents}:
        return False
    return Path(__file__).parents[2] not in path.parents  # this package


def _source(file: str, is_first: bool) -> SourceText | None:
    """The text of a file or of a notebook's cell, and the places of its lines."""
    lines = linecache.getlines(file)
    if not lines:
        return None
    number = cell_number(file)
    name = number if number is not None else None if is_first else Path(file).name
    return "".join(lines), [(name, at) for at in range(1, len(lines) + 1)]


def cell_number(file: str) -> int | None:
    """The number of the cell that a file name stands for, in the notebook that is running."""
    interactive = sys.modules.get("IPython")
    shell = interactive.get_ipython() if interactive else None
    if shell is None:
        return None
    with contextlib.suppress(Exception):  # IPython 7 has no `format_code_name`
        named = shell.compile.format_code_name(file)
        if named and (number := re.search(r"\d+", named[1])):
            return int(number[0])
    return None


def _add_codes(
    code: types.CodeType, found: dict[tuple[str, str, int], types.CodeType | None]
) -> None:
    """All functions of a code by file, name and line; None for two that cannot be told apart."""
    for part in code.co_consts:
        if isinstance(part, types.CodeType):
            key = part.co_filename, part.co_name, part.co_firstlineno
            found[key] = None if key in found else part
            _add_codes(part, found)


def _functions(
    spaces: Sequence[dict[str, Any]], functions: Sequence[Any]
) -> Iterator[types.FunctionType]:
    """All functions and methods in namespaces, and those given, each once."""
    seen: set[int] = set()
    waiting = [*functions, *(v for space in spaces for v in space.values())]
    waiting += [type(getattr(f, "__self__", f)) for f in functions]
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, types.FunctionType):
            yield value
            waiting.append(getattr(value, "__wrapped__", None))
        elif isinstance(value, types.MethodType | staticmethod | classmethod):
            waiting.append(value.__func__)
        elif isinstance(value, property):
            waiting += [value.fget, value.fset]
        elif isinstance(value, type):
            waiting += [v for kind in value.__mro__[:-1] for v in vars(kind).values()]


def _stand_in(value: Any, stand_ins: Mapping[types.ModuleType, StandIn]) -> Any:
    """The value that a name gets while its module is watched."""
    if isinstance(value, types.ModuleType):
        value = real_module(value)  # it may be another recorder's stand-in
        if value in stand_ins:
            return stand_ins[value]
        first, _, rest = value.__name__.partition(".")
        if first == "numpy" and rest and not rest.startswith("_"):
            return _attribute(stand_ins[np], rest) or value
        return value
    home = getattr(value, "__module__", None)
    name = getattr(value, "__name__", None)
    if isinstance(name, str) and isinstance(home, str) and not isinstance(value, type):
        ours = home == numpy_module.__module__
        if ours or getattr(np, name, None) is value:
            return getattr(stand_ins[np], name, value)
    elif isinstance(value, np.ufunc) and getattr(np, str(name), None) is value:
        return getattr(stand_ins[np], str(name))
    return value


def _attribute(x: Any, names: str) -> Any:
    for name in names.split("."):
        x = getattr(x, name, None)
    return x
