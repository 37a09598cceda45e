"""The tools for other programs: pytest's plugin, pre-commit's hook, the action for GitHub."""

import functools
import os
import re
import shlex
import shutil
import subprocess
import sys

import pytest
import yaml

from ..common import ROOT
from ..faults import warm

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

WRONG = ROOT / "docs/my_network.py"
RIGHT = (
    "import numpy as np\nX, y = np.eye(3), np.ones((3, 1))\nW = np.zeros((3, 1))\n"
    "for _ in range(9):\n    W -= 0.1 * X.T @ (X @ W - y)\n"
)


PYTEST = """
import os, sys
import pytest
os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
os.environ.pop("PYTEST_ADDOPTS", None)  # its flags are for the tests that run this
sys.path.insert(0, "")
sys.exit(pytest.main({arguments}))
"""


def run_pytest(folder, *arguments):
    """Run pytest in its own process with only this plugin; return its exit code and output."""
    program = PYTEST.format(arguments=["-p", "xor_torch.pytest_plugin", *arguments])
    run = warm.Command(cwd=folder, setup=functools.partial(warm.execute, program))
    return run.wait(), run.stdout + run.stderr


@pytest.fixture
def project(tmp_path):
    (tmp_path / "homework").mkdir()
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/test_else.py").write_text("def test_else():\n    pass\n")
    shutil.copy(WRONG, tmp_path / "homework/anna.py")
    (tmp_path / "homework/ben.py").write_text(f"open('ben.txt').close()\n{RIGHT}")
    (tmp_path / "homework/ben.txt").touch()
    (tmp_path / "homework/test_carl.py").write_text("import no_such_package\n")
    (tmp_path / "pyproject.toml").write_text(
        '[tool.pytest.ini_options]\ntestpaths = ["tests"]\nbackprop_scripts = ["homework/*.py"]\n'
    )
    return tmp_path


def test_named_scripts_are_tests(project):
    code, said = run_pytest(project, "-rs", "-v")
    assert code == 1, said
    assert "1 failed, 2 passed, 1 skipped" in said
    assert re.search(r"homework/ben\.py::backprop PASSED", said)
    assert "cannot tell: the script needs the package no_such_package" in said
    assert "anna.py, line 26: delta1 uses weights that this step has already changed" in said
    assert "> 26 |" in said
    assert "pytest_plugin.py" not in said.partition("FAILURES")[2].partition("short test")[0]


def test_a_named_script_is_no_module_of_tests(project):
    """Importing it would run it."""
    (project / "homework/ben.py").write_text("import os\nos._exit(77)\n")
    code, said = run_pytest(project, "homework/ben.py")
    assert code == 0, said
    assert "1 skipped" in said
    code, said = run_pytest(project, "tests")
    assert "1 passed" in said


def test_a_pattern_that_names_nothing_is_said(project):
    text = (project / "pyproject.toml").read_text().replace("homework/*", "none/*")
    (project / "pyproject.toml").write_text(text)
    code, said = run_pytest(project)
    assert (code, "backprop_scripts: none/*.py names no file" in said) == (4, True)


def test_a_failed_assertion_shows_the_test_and_the_report(tmp_path):
    grading = (ROOT / "docs/grading.md").read_text()
    test, homework = re.findall(r"^```python\n(.*?)^```", grading, re.DOTALL | re.MULTILINE)[:2]
    (tmp_path / "homework.py").write_text(homework)
    (tmp_path / "test_homework.py").write_text(test)
    code, said = run_pytest(tmp_path)
    assert code == 1
    assert "missing hidden derivative" in said
    shown, *_ = re.findall(r"^```text\n(WRONG: .*\n)```", grading, re.MULTILINE)
    assert shown.removeprefix("WRONG: ") in said  # there the path is whole
    assert "updated on line" not in said  # the homework updates nothing
    assert "assert_backprop(homework.gradients, X, y, params)" in said
    assert "_assert_right" not in said


def test_the_entry_point_is_the_plugin():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["pytest11"] == {"xor_torch": "xor_torch.pytest_plugin"}


def command(entry, folder, **environment):
    """Run a line of a hook or an action in a shell that has ``xor-torch``."""
    programs = folder / "bin"
    programs.mkdir()
    python = shlex.quote(sys.executable)  # its path may have a space
    (programs / "xor-torch").write_text(f'#!/bin/sh\nexec {python} -m xor_torch "$@"\n')
    (programs / "xor-torch").chmod(0o755)
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-e", "-c", entry],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PATH": path, **environment},
        capture_output=True,
        text=True,
    )


@pytest.mark.outside
def test_the_hook_of_pre_commit(project):
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    run = command(f"{hook['entry']} homework/anna.py homework/test_carl.py", project)
    assert run.returncode == 1
    lines = run.stdout.splitlines()
    assert lines[0].startswith("homework/anna.py:26:5: error: delta1 uses weights")
    assert lines[1].startswith("homework/test_carl.py:1:1: warning: cannot tell: the script needs")


@pytest.mark.outside
def test_the_action_of_github(project):
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    install, compare = action["runs"]["steps"]
    assert "pip wheel" in install["run"]
    given = {"FILES": "homework/*.py", "FLAGS": action["inputs"]["flags"]["default"]}
    assert compare["env"] == {"FILES": "${{ inputs.files }}", "FLAGS": "${{ inputs.flags }}"}
    run = command(compare["run"], project, **given)
    assert run.returncode == 1, run.stderr
    assert run.stdout.startswith("::error file=homework/anna.py,line=26,col=5,endColumn=43,")
    shutil.rmtree(project / "bin")
    given["FILES"] = "homework/ben.py"
    assert command(compare["run"], project, **given).returncode == 0
