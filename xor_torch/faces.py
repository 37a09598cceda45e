"""Public names of a package that are imported when they are first used.

``import xor_torch`` is cheap this way: it imports neither torch nor Lightning. Type checkers read
the same names in the ``__init__.pyi`` beside each ``__init__.py``.
"""

from collections.abc import Callable, Mapping
from importlib import import_module


def lazy(
    package: str, homes: Mapping[str, str]
) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """``__getattr__`` and ``__dir__`` of a package (PEP 562).

    Args:
        package: its ``__name__``.
        homes: for each public name, the module of the package that defines it.

    """

    def get(name: str) -> object:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f".{homes[name]}", package), name)

    def names() -> list[str]:
        return sorted([*vars(import_module(package)), *homes])

    return get, names
