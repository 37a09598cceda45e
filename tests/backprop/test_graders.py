"""The adapters for autograders, each with the real package where it is installed."""

import io
import json
import os
import sys
import unittest
from pathlib import Path

import numpy as np
import pytest

from xor_torch import assert_backprop
from xor_torch.backprop import Verdict
from xor_torch.backprop.saying import gradescope

from ..common import ROOT, run_cli
from .saying import finding, verdict
from .test_tools import RIGHT

WRONG = ROOT / "docs/my_network.py"


# ------------------------------------------------------------------ Gradescope


def test_the_results_of_gradescope():
    unknown = Verdict("c.py", "cannot tell", "there is no such file")
    said = [(one.outline(), one.to_json()) for one in (verdict(finding()), unknown)]
    wrong, looked_at = gradescope(said, hint=2)["tests"]
    assert wrong == {
        "name": "backprop of net.py",
        "score": 0,
        "max_score": 1,
        "status": "failed",
        "output": "WRONG: net.py: look at line 10",
        "output_format": "text",
    }
    assert looked_at["output"].endswith("This is not a fail: a person has to look at it.")
    assert "mend" in gradescope(said)["tests"][0]["output"]


def test_the_command_for_gradescope(capsys):
    assert run_cli("compare", WRONG, "--format", "gradescope", "--hint", 1) == 1
    (test,) = json.loads(capsys.readouterr().out)["tests"]
    assert test["output"] == f"WRONG: {WRONG}: look at layer 1"


W = np.zeros((3, 2))


def gradients(X, y, params):
    """Of a network with tanh, whose derivative is missing."""
    h = np.tanh(X @ params["W"])
    delta = h @ params["V"] - y
    return {"V": h.T @ delta, "W": X.T @ (delta @ params["V"].T)}


def test_an_assertion_in_gradescopes_own_runner():
    runner = pytest.importorskip("gradescope_utils.autograder_utils.json_test_runner")

    class Homework(unittest.TestCase):
        def test_backprop(self):
            assert_backprop(gradients, np.eye(3), np.ones((3, 1)), {"W": W, "V": W[:2, :1]})

    suite = unittest.defaultTestLoader.loadTestsFromTestCase(Homework)
    stream = io.StringIO()
    runner.JSONTestRunner(stream=stream, visibility="visible").run(suite)
    (test,) = json.loads(stream.getvalue())["tests"]
    assert test["status"] == "failed"
    assert "missing hidden derivative" in test["output"]


# ------------------------------------------------------------------ otter-grader


def test_the_plugin_of_otter(tmp_path):
    otter = pytest.importorskip("otter.plugins")
    from otter.test_files import GradingResults

    (tmp_path / "right.py").write_text(RIGHT)
    for path, score, words in (
        (WRONG, 0, "look at line 26"),
        (tmp_path / "right.py", 4, "passed"),
        (tmp_path / "none.py", 0, "a person has to look at it"),
    ):
        plugins = [{"xor_torch.otter_plugin.Plugin": {"points": 4, "hint": 2}}]
        collection = otter.PluginCollection(plugins, str(path), {})
        results = GradingResults([])
        collection.run("after_grading", results)
        assert (results.total, results.possible) == (score, 4)
        assert words in results.summary()
        assert collection.generate_report() is not None
        tests = results.to_gradescope_dict(_Config())["tests"]
        assert sum(test.get("score", 0) for test in tests) == score


class _Config:
    """The part of otter's configuration that its dictionary for Gradescope needs."""

    def __getattr__(self, name):
        return False


# ------------------------------------------------------------------ nbgrader


@pytest.mark.filterwarnings("ignore")  # nbgrader's own, of its database
def test_a_graded_cell_of_nbgrader(tmp_path, monkeypatch):
    """One student is right and one is wrong; the grades are those of nbgrader's own database."""
    pytest.importorskip("nbgrader")
    import nbformat
    from nbgrader.apps import NbGraderAPI
    from traitlets.config import Config

    programs = Path(sys.executable).parent  # nbgrader calls alembic
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    course = tmp_path / "course"
    source = course / "source/ps1"
    source.mkdir(parents=True)
    task = nbformat.v4.new_code_cell("### BEGIN SOLUTION\npass\n### END SOLUTION")
    task.metadata["nbgrader"] = _cell("task", solution=True)
    test = nbformat.v4.new_code_cell(
        "from xor_torch.backprop import assert_notebook\nassert_notebook(hint=1)"
    )
    test.metadata["nbgrader"] = _cell("test", grade=True, points=3)
    book = nbformat.v4.new_notebook(cells=[task, test])
    book.metadata["kernelspec"] = {"name": "python3", "display_name": "p", "language": "python"}
    nbformat.write(book, source / "network.ipynb")
    config = Config()
    config.CourseDirectory.root = str(course)
    config.Exchange.root = str(tmp_path / "exchange")
    api = NbGraderAPI(config=config)
    made = api.generate_assignment("ps1")
    assert made["success"], made["log"]
    handed_in = {"anna": RIGHT, "ben": WRONG.read_text()}
    for student, solution in handed_in.items():
        folder = course / "submitted" / student / "ps1"
        folder.mkdir(parents=True)
        own = nbformat.read(course / "release/ps1/network.ipynb", 4)
        own.cells[0].source = solution
        nbformat.write(own, folder / "network.ipynb")
        result = api.autograde("ps1", student)
        assert result["success"], result["log"]
    scores = {s["student"]: s["score"] for s in api.get_submissions("ps1")}
    assert scores == {"anna": 3.0, "ben": 0.0}
    graded = (course / "autograded/ben/ps1/network.ipynb").read_text()
    assert "WRONG: this notebook: look at layer 1" in graded


def _cell(name, points=0, solution=False, grade=False):
    return {
        "grade_id": name,
        "schema_version": 3,
        "cell_type": "code",
        "points": points,
        "solution": solution,
        "grade": grade,
        "locked": grade,
        "task": False,
    }
