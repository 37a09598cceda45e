"""Postpones the import of torch's compiler until something uses it, as only a sweep does.

Lightning imports ``torch._dynamo`` to ask whether a module was compiled, and torch's optimizers
import it to tell the compiler where to stop. The import is a third of what `train` waits for.
`postpone` puts a module in its place that answers these questions, as long as nothing is compiled.
Any other question makes it the real module, and so does the import of one of its parts. So a newer
torch or Lightning that asks for more still works, only later; a test tells when that happens.
"""

import importlib.abc
import importlib.machinery
import sys
import types
from collections.abc import Callable, Sequence
from typing import Any

NAME = "torch._dynamo"


def postpone() -> None:
    """Let ``torch._dynamo`` wait, unless it is already there. Imports torch."""
    import torch

    if NAME not in sys.modules:
        sys.modules[NAME] = waiting = _Waiting(NAME)
        vars(torch)["_dynamo"] = waiting
        sys.meta_path.insert(0, _Parts())


def _spec() -> importlib.machinery.ModuleSpec:
    """Where the real one is."""
    spec = importlib.machinery.PathFinder.find_spec(NAME, sys.modules["torch"].__path__)
    assert spec is not None
    return spec


class _IfCompiled(type):
    def __instancecheck__(cls, instance: object) -> bool:
        real = vars(sys.modules[NAME]).get("OptimizedModule")
        return real is not None and isinstance(instance, real)


class _OptimizedModule(metaclass=_IfCompiled):
    """The class of compiled modules: there are none before the real one is there."""


class _Waiting(types.ModuleType):
    """``torch._dynamo``, not loaded yet."""

    OptimizedModule = _OptimizedModule

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__path__ = []  # it is a package; `_Parts` finds what is in it
        self.__file__ = _spec().origin  # `inspect` asks every module for it

    @staticmethod
    def graph_break(msg: str = "") -> None:
        """Where nothing is compiled, there is no graph to break."""

    @staticmethod
    def disable(function: Callable[..., Any], *args: Any, **options: Any) -> Callable[..., Any]:
        """The function itself, as long as nothing is compiled."""

        def call(*a: Any, **k: Any) -> Any:
            real = vars(sys.modules[NAME]).get("disable")
            return (real(function, *args, **options) if real else function)(*a, **k)

        return call

    def __getattr__(self, name: str) -> Any:
        load()
        return getattr(self, name)


def load() -> None:
    """Make the module that waits the real one; it stays the same object."""
    module = sys.modules[NAME]
    if not isinstance(module, _Waiting):
        return
    module.__class__ = types.ModuleType  # type: ignore[assignment]  # its base
    spec = _spec()
    assert spec.loader is not None
    module.__spec__, module.__loader__, module.__file__ = spec, spec.loader, spec.origin
    module.__path__ = spec.submodule_search_locations or []
    spec.loader.exec_module(module)


class _Parts(importlib.abc.MetaPathFinder):
    """Loads the package before a part of it."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if not name.startswith(f"{NAME}."):
            return None
        sys.meta_path.remove(self)
        load()
        if name in sys.modules:
            # The package has imported it. Python would execute it again by its own spec.
            part = sys.modules[name]
            part.__spec__ = importlib.machinery.ModuleSpec(name, _There(part.__spec__, part))
            return part.__spec__
        return importlib.machinery.PathFinder.find_spec(name, sys.modules[NAME].__path__)


class _There(importlib.abc.Loader):
    """Loads a module that is already there."""

    def __init__(
        self, spec: importlib.machinery.ModuleSpec | None, module: types.ModuleType
    ) -> None:
        self.spec, self.module = spec, module

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        return self.module

    def exec_module(self, module: types.ModuleType) -> None:
        module.__spec__ = self.spec
