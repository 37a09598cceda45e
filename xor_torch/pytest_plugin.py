"""A pytest plugin: the scripts that ``backprop_scripts`` names are tests.

In ``pyproject.toml``::

    [tool.pytest.ini_options]
    backprop_scripts = ["homework/*.py", "train.ipynb"]

Each is run and judged as by ``xor-torch compare``. A wrong one fails with the report; a "cannot
tell" is skipped, with the reason. `assert_backprop` and `assert_backward` fail with the report, and
without lines of this package.
"""

from collections.abc import Generator, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .backprop import Verdict

SCRIPTS = pytest.StashKey[list[Path]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group: tuple[tuple[str, str, Any, Any], ...] = (
        ("backprop_scripts", "scripts and notebooks whose backprop is checked", "args", []),
        ("backprop_timeout", "seconds to run and judge each of them (60)", "string", "60"),
        ("backprop_strict", "wrong, too, if a script computes another loss", "bool", False),
    )
    for name, text, kind, default in group:
        parser.addini(name, text, type=kind, default=default)


def pytest_configure(config: pytest.Config) -> None:
    scripts = list[Path]()
    for pattern in config.getini("backprop_scripts"):
        found = sorted(path.resolve() for path in config.rootpath.glob(pattern))
        if not found:
            raise pytest.UsageError(f"backprop_scripts: {pattern} names no file")
        scripts += [path for path in found if path not in scripts]
    config.stash[SCRIPTS] = scripts
    if config.args_source != pytest.Config.ArgsSource.ARGS:  # pytest was not told what to run
        folders = [config.invocation_params.dir / arg for arg in config.args]
        here = {folder.resolve() for folder in folders}
        config.args += [str(path) for path in scripts if not here & {path, *path.parents}]


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(
    file_path: Path, parent: pytest.Collector
) -> Generator[None, list[pytest.Collector], list[pytest.Collector]]:
    found = yield  # pytest's own collector would import the script
    if file_path.resolve() not in parent.config.stash[SCRIPTS]:
        return found
    return [Script.from_parent(parent, path=file_path)]


class Script(pytest.File):
    """A file with one test: its backprop."""

    def collect(self) -> Iterable[pytest.Item]:
        yield Backprop.from_parent(self, name="backprop")


class BackpropError(AssertionError):
    """Its text is the report."""

    def __init__(self, verdict: "Verdict") -> None:
        super().__init__(verdict.report())
        self.verdict = verdict


class Backprop(pytest.Item):
    """Is the backprop of a script right?"""

    def runtest(self) -> None:
        from .backprop import check_file

        verdict = check_file(
            self.path,
            timeout=float(self.config.getini("backprop_timeout")),
            strict=self.config.getini("backprop_strict"),
            in_its_folder=True,
        )
        if verdict.verdict == "cannot tell":
            pytest.skip(f"cannot tell: {verdict.reason}")
        if verdict.verdict == "wrong":
            raise BackpropError(verdict)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, BackpropError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, None, f"backprop of {self.path.name}"
