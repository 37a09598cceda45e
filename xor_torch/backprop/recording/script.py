"""Runs a script on a NumPy that records, in this process.

The script is not changed on disk and sees the numbers that it would see anyway: it gets a stand-in
for ``numpy``, and so do the modules in its own folders. A training loop of 600,000 epochs ends
after the first few hundred updates, and the script goes on after the loop.
"""

import builtins
import contextlib
import importlib.abc
import importlib.machinery
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..code import Location
from ..pair import Pair
from ..tape import Tape
from .calls import MOST_UPDATES, Calls, record_pairs
from .limits import Enough, Limits
from .names import names_for
from .numpy_module import math_module, numpy_module
from .recorder import Recorder
from .source import DISPLAY, read_source
from .watching import SourceText

# Modules that are never the script's own, whatever its folder: Python's and this package.
_OTHERS = {*sys.stdlib_module_names, __name__.split(".")[0]}


def record(source: str, filename: str, limits: Limits | None = None) -> tuple[dict[str, Any], Tape]:
    """Run a source; return its globals and its tape."""
    recorder = Recorder(limits or Limits())
    found = Run(recorder).script(source, filename)
    recorder.full = True
    return found, recorder.finished()[0]


class Run:
    """Runs one script, and the modules beside it, for one recorder."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self._numpy = numpy_module(recorder)
        self._math = math_module(recorder)
        self._tensors = False  # Are torch's tensors followed?
        self._followed = contextlib.ExitStack()
        self.calls = Calls(recorder)
        self._sources: dict[str, SourceText] = {}
        # All modules of the script share it: what one adds by ``builtins.x = 1``, the others see.
        self._builtins = types.ModuleType("builtins")
        self._builtins.__dict__.update(
            {
                **vars(builtins),
                "__import__": self._import,
                **names_for(recorder, self._numpy),
                "__called__": self.calls.called,
            }
        )

    def script(
        self, source: str, filename: str, places: list[Location] | None = None
    ) -> dict[str, Any]:
        """Execute a script; return its globals. Its exceptions are passed on, except `Enough`.

        If a cell of a notebook raises one, the next cells are executed all the same, as a person
        would do. The first exception is passed on at the end.
        """
        codes = self.compile(source, filename, places or [])
        module = types.ModuleType("__main__")
        module.__file__ = filename
        self.set_builtins(module.__dict__)
        if filename.endswith(".ipynb"):
            module.__dict__.update(display=print, get_ipython=_Nothing())
        finder = _Siblings(self, Path(filename).resolve().parent)
        sys.meta_path.insert(0, finder)
        main, sys.modules["__main__"] = sys.modules.get("__main__"), module
        crash: Exception | None = None
        try:
            for code in codes:
                try:
                    exec(code, module.__dict__)
                except Exception as e:
                    crash = crash or e
        except Enough:
            pass
        finally:
            sys.meta_path.remove(finder)
            self._followed.close()
            if main is not None:
                sys.modules["__main__"] = main
        if crash:
            raise crash
        return module.__dict__

    def compile(self, source: str, filename: str, places: list[Location]) -> list[types.CodeType]:
        """Add a file to the script's code, see `Frames.compile`."""
        codes = self.recorder.frames.compile(source, filename, places)
        self._sources[filename] = source, places
        self.calls.add(source, filename)
        return codes

    def pairs(self, filename: str, seconds: float, crash: str = "") -> tuple[Tape, list[Pair]]:
        """Record the forward and backward functions of a script that has ended without training."""
        if seconds <= 0 or self.recorder.loops.left or self.recorder.updates.count >= MOST_UPDATES:
            return Tape(), []
        return record_pairs(self.calls, self._sources, filename, seconds, crash)

    def set_builtins(self, namespace: dict[str, Any]) -> None:
        """Give a module Python's builtins, our ``import``, and the names of `names_for`."""
        main = namespace["__name__"] == "__main__"  # Python gives the others a dictionary
        namespace["__builtins__"] = self._builtins if main else vars(self._builtins)

    def _import(
        self,
        name: Any,
        globals: Any = None,
        locals: Any = None,
        fromlist: Any = (),
        level: Any = 0,
    ) -> Any:
        if level == 0 and name.partition(".")[0] == "cupy":  # arrays that cannot be recorded
            raise ModuleNotFoundError("No module named 'cupy'", name="cupy")
        if level == 0 and name.partition(".")[0] == "torch":
            self._follow_tensors()
        own = {"numpy": self._numpy, "math": self._math, "builtins": self._builtins}
        if level == 0 and name in own:
            return own[name]
        if level == 0 and name.startswith("numpy."):
            __import__(name)
            found = self._numpy
            for part in name.split(".")[1:] if fromlist else ():
                found = getattr(found, part)
            return found
        try:
            return __import__(name, globals, locals, fromlist, level)
        except ModuleNotFoundError as missing:
            if (missing.name or "").split(".")[0] in DISPLAY:
                return _Nothing()
            raise

    def _follow_tensors(self) -> None:
        """The script uses torch: from now on its tensors also record."""
        if not self._tensors:
            from .tensors import Tensors

            self._tensors = True
            tensors = Tensors(self.recorder)
            self.recorder.array_of = tensors.array_of
            self._followed.enter_context(tensors.following())


class _Siblings(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports modules from the script's own folders as the script itself is run.

    They are the one that it lies in, and those that it adds to ``sys.path``.
    """

    def __init__(self, run: Run, folder: Path) -> None:
        self.run, self.folder, self.others = run, folder, {*sys.path}

    @property
    def folders(self) -> list[Path]:
        added = [entry for entry in sys.path if entry not in self.others]
        return [self.folder, *(Path(entry).resolve() for entry in added)]

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        folders = self.folders
        spec = importlib.machinery.PathFinder.find_spec(name, path or [*map(str, folders)])
        file = Path(spec.origin or "") if spec else Path()
        installed = "site-packages" in file.parts or name.split(".")[0] in _OTHERS
        if not spec or file.suffix != ".py" or {*folders}.isdisjoint(file.parents) or installed:
            return None
        spec.loader = self
        return spec

    def exec_module(self, module: types.ModuleType) -> None:
        file = Path(str(module.__file__))
        self.run.set_builtins(module.__dict__)
        folder = next((f for f in self.folders if f in file.parents), file.parent)
        text, places = read_source(file, module=str(file.relative_to(folder)))
        for code in self.run.compile(text, str(file), places):
            exec(code, module.__dict__)


class _Nothing(types.ModuleType):
    """Stands in for a display package that is not installed: it takes every call."""

    def __init__(self) -> None:
        super().__init__("nothing")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self

    def __iter__(self) -> Iterator[Any]:
        return iter((self, self))  # fig, ax = plt.subplots()

    def __getitem__(self, index: Any) -> Any:
        return self

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *args: Any) -> None:
        pass
