import io
import re
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from xor_torch import initial_weights, lit, manual, truth_table
from xor_torch.export import save_npz, save_onnx

from .common import run_cli

NETWORKS = [(42, 2, 2), (7, 5, 3), (0, 1, 1)]  # seed, hidden, bits


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    where = tmp_path_factory.mktemp("logs")
    lit.fit(lit.XORModule(seed=3), epochs=50, log_dir=where, views="none")
    return where / "version_0"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def weights_of(run_dir):
    return lit.load(run_dir / "checkpoints" / "last.ckpt").to_numpy()


@pytest.mark.parametrize(("seed", "hidden", "bits"), NETWORKS)
def test_npz_is_the_notebooks_layout(seed, hidden, bits):
    weights = initial_weights(seed, hidden, bits)
    save_npz("some.npz", weights)
    with np.load("some.npz") as saved:
        assert list(saved) == ["W1", "b1", "W2", "b2"]
        for name, expected in weights._asdict().items():
            assert saved[name].dtype == np.float64
            np.testing.assert_array_equal(saved[name], expected, strict=True)
    assert [path.name for path in Path().iterdir()] == ["some.npz"]


def assert_onnxruntime_predicts(X, weights):
    # rounding is a few 1e-16; a float32 anywhere on the way would be off by 1e-8
    session = onnxruntime.InferenceSession("some.onnx", providers=["CPUExecutionProvider"])
    (prediction,) = session.run(None, {"X": X})
    assert prediction.dtype == np.float64
    np.testing.assert_allclose(prediction, manual.forward(X, weights).a2, rtol=1e-12, atol=0)


@pytest.mark.parametrize(("seed", "hidden", "bits"), NETWORKS)
@pytest.mark.parametrize("rows", [1, 3, 100])
def test_onnxruntime_predicts_the_same(seed, hidden, bits, rows):
    weights = initial_weights(seed, hidden, bits)
    save_onnx("some.onnx", weights)
    X = np.random.default_rng(0).normal(size=(rows, bits))
    assert_onnxruntime_predicts(X, weights)


@pytest.mark.parametrize(
    "mutant",
    [
        lambda w: w._replace(W1=w.W1.T.copy()),
        lambda w: w._replace(b2=w.b2 + 1e-11),
        lambda w: w._replace(W2=w.W2.astype(np.float32).astype(np.float64)),
    ],
    ids=["transposed", "1e-11 off", "float32 on the way"],
)
def test_that_comparison_sees_a_wrong_file(mutant):
    weights = initial_weights(3)
    save_onnx("some.onnx", mutant(weights))
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        assert_onnxruntime_predicts(truth_table()[0], weights)


def test_old_programs_can_read_the_onnx_file():
    save_onnx("some.onnx", initial_weights())
    model = onnx.load("some.onnx")
    assert (model.ir_version, model.opset_import[0].version) == (7, 13)


def test_export_writes_the_checkpoints_weights(run_dir, capsys):
    for name in ("some.npz", "some.onnx"):
        assert run_cli("export", run_dir, name) == 0
        captured = capsys.readouterr()
        assert (captured.out, captured.err) == ("", f"Network: {name}\n")
    weights = weights_of(run_dir)
    with np.load("some.npz") as saved:
        np.testing.assert_array_equal(saved["W1"], weights.W1)
    assert_onnxruntime_predicts(truth_table()[0], weights)


@pytest.mark.parametrize("name", ["some.npz", "some.onnx"])
def test_a_file_is_not_overwritten_unasked(name, run_dir, capsys):
    Path(name).write_text("mine")
    assert run_cli("export", run_dir, name) == 2
    assert Path(name).read_text() == "mine"
    assert f"{name} exists; --force overwrites it" in capsys.readouterr().err
    assert run_cli("export", run_dir, name, "--force") == 0
    assert Path(name).read_bytes() != b"mine"


def test_without_onnx_it_says_what_to_install(run_dir, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert run_cli("export", run_dir, "some.onnx") == 2
    assert "pip install 'xor_torch[onnx]'" in capsys.readouterr().err
    assert run_cli("export", run_dir, "some.npz") == 0


def test_predict_a_row(run_dir, capsys):
    expected = manual.forward(np.array([[0.0, 1.0]]), weights_of(run_dir)).a2[0, 0]
    assert run_cli("predict", run_dir, 0, 1) == 0
    assert capsys.readouterr().out == f"{expected:.6g}  class {int(expected >= 0.5)}\n"


def test_predict_rows_on_standard_input(run_dir, capsys, monkeypatch):
    stdin = "0 0\n0,1\n\n 1 , 0 \n-1e3 0.25"
    monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
    assert run_cli("predict", run_dir) == 0
    X = np.array([[0, 0], [0, 1], [1, 0], [-1e3, 0.25]])
    expected = manual.forward(X, weights_of(run_dir)).a2[:, 0]
    lines = capsys.readouterr().out.splitlines()
    assert lines == [f"{p:.6g}  class {int(p >= 0.5)}" for p in expected]
    assert {line[-1] for line in lines} == {"0", "1"}


@pytest.mark.parametrize(
    ("stdin", "message", "answered"),
    [
        (None, "no row on standard input; give one there or as VALUEs", 0),
        (b"", "no row on standard input; give one there or as VALUEs", 0),
        (b"0 1\n\n1", "standard input, line 3: 1 given, the network has 2 inputs", 1),
        (b"0 1\n1 inf\n", "standard input, line 2: inf is not a finite number", 1),
        (
            b"0 1\n\xff 1\n",
            "standard input is not text: .*0xff.*",
            0,
        ),  # read with the row before it
    ],
)
def test_standard_input_that_is_no_rows(stdin, message, answered, run_dir, capsys, monkeypatch):
    text = None if stdin is None else io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8")
    monkeypatch.setattr(sys, "stdin", text)
    assert run_cli("predict", run_dir) == 2
    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) == answered  # a row is answered as it comes
    assert re.fullmatch(f"xor-torch predict: error: {message}\n", captured.err)
    assert not list(Path().iterdir())
