"""``xor-torch play``: a page, the page of a run, and calls that are refused."""

import re
import shutil

import pytest

import xor_torch
from tests.play.test_page import data_of
from xor_torch.play import make_page

from ..common import run_cli


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    log_dir = tmp_path_factory.mktemp("logs")
    xor_torch.fit(xor_torch.XORModule(seed=1234, lr=0.5), 300, log_dir)
    (found,) = log_dir.iterdir()
    return found


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_page_with_a_space_in_its_path(elsewhere, capsys):
    assert run_cli("play", "--out", "my page.html") == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines()[0] == "Page: 'my page.html'"
    assert said.err.splitlines()[1].endswith("/my%20page.html")
    assert (elsewhere / "my page.html").read_text(encoding="utf-8") == make_page()


def test_an_existing_page_is_kept(elsewhere, capsys):
    page = elsewhere / "play.html"
    page.write_text("mine")
    assert run_cli("play") == 2
    assert "--out play.html exists; --force overwrites it" in capsys.readouterr().err
    assert page.read_text() == "mine"
    assert run_cli("play", "--force") == 0
    assert page.read_text(encoding="utf-8") == make_page()


def test_a_runs_page_has_its_curve_and_weights(run_dir, elsewhere):
    assert run_cli("play", run_dir, "--out", "run.html") == 0
    run = data_of((elsewhere / "run.html").read_text(encoding="utf-8"))["run"]
    assert (run["seed"], run["hidden"], run["lr"], run["epochs"]) == (1234, 2, 0.5, 300)
    assert run["name"] == run_dir.name
    from xor_torch.lit import load

    # one source for the weights, and one for what they are called in NumPy
    parameters = load(run_dir / "checkpoints/last.ckpt").to_numpy()
    assert run["final"] == [float(w) for part in parameters for w in part.ravel()]
    steps = [step for step, _ in run["curve"]]
    assert steps == sorted(steps)
    assert {0, 100, 200, 299} <= set(steps)
    assert all(0 < loss < 1 for _, loss in run["curve"])


def test_the_newest_run_of_a_folder(run_dir, elsewhere, capsys):
    assert run_cli("play") == 0  # whose page is not in the way of a run's
    assert run_cli("play", run_dir.parent) == 0
    assert "The newest run in" in capsys.readouterr().err
    text = (elsewhere / f"play-{run_dir.name}.html").read_text(encoding="utf-8")
    assert data_of(text)["run"]["name"] == run_dir.name


def test_a_checkpoint_alone_has_no_curve(run_dir, elsewhere):
    shutil.copy(run_dir / "checkpoints/last.ckpt", elsewhere / "mine.ckpt")
    assert run_cli("play", "mine.ckpt") == 0
    run = data_of((elsewhere / "play-mine.ckpt.html").read_text(encoding="utf-8"))["run"]
    assert (run["name"], run["curve"]) == ("mine.ckpt", [])


@pytest.mark.parametrize(
    "call, words",
    [
        ("nothing", "no checkpoint at nothing"),
        ("a.ckpt", "a.ckpt is not a whole checkpoint file"),
        ("--out .", "--out .: is a directory"),
        ("--out no/play.html", "there is no directory no"),
        ("--out", "--out: expected one argument"),
        ("--seed 3", "--seed: unknown"),
        ("three", "a network of three inputs"),
    ],
)
def test_a_bad_call_leaves_nothing(call, words, elsewhere, capsys):
    (elsewhere / "a.ckpt").write_text("not one")
    if call == "three":
        xor_torch.fit(xor_torch.XORModule(bits=3), 1, elsewhere / "logs", views="none")
        (run,) = (elsewhere / "logs").iterdir()
        call, words = str(run.relative_to(elsewhere)), "has 3 inputs and 2 hidden units"
    before = sorted(elsewhere.iterdir())
    capsys.readouterr()
    assert run_cli("play", *call.split()) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert words in said.err
    assert len(said.err.splitlines()) == 1
    assert re.match("xor-torch play: error: ", said.err)
    assert sorted(elsewhere.iterdir()) == before
