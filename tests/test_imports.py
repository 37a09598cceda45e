"""Which room may import what: each is imported in a process where the forbidden is not there."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import xor_torch
import xor_torch.lit

POLICY = {
    "xor_torch": ["torch", "lightning"],
    "xor_torch.data": ["torch", "lightning", "yaml"],
    "xor_torch.manual": ["torch", "lightning", "xor_torch.model", "xor_torch.parity"],
    "xor_torch.model": ["lightning", "tensorboard", "xor_torch.manual"],
    "xor_torch.lit.module": ["tensorboard", "xor_torch.manual", "xor_torch.lit.views"],
    "xor_torch.lit.training": ["xor_torch.manual", "xor_torch.cli"],
    "xor_torch.parity": ["lightning", "tensorboard"],
    "xor_torch.lit.checkpoint": ["lightning", "tensorboard"],
    "xor_torch.export": ["torch", "lightning", "onnx"],
    "xor_torch.lit.views": ["xor_torch.cli", "xor_torch.sweep", "xor_torch.manual"],
    "xor_torch.lit.runs": ["torch", "lightning"],
    "xor_torch.lit.schedule": ["torch", "lightning"],
    "xor_torch.signals": ["torch", "lightning"],
    "xor_torch.lit.console": ["xor_torch.cli", "xor_torch.manual"],
    "xor_torch.sweep": ["torch", "lightning", "tensorboard"],
    "xor_torch.explain": ["lightning", "tensorboard"],
    "xor_torch.backprop.recording.recorder": ["torch", "lightning", "xor_torch.backprop.replay"],
    "xor_torch.backprop.tape": ["torch", "lightning", "xor_torch.backprop.recording.recorder"],
    "xor_torch.backprop.recording.source": [
        "torch",
        "lightning",
        "xor_torch.backprop.recording.recorder",
    ],
    "xor_torch.backprop.check": ["lightning", "tensorboard"],
    "xor_torch.cli": ["torch", "lightning", "tensorboard", "matplotlib"],
}


BLOCK = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name in {names}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Blocked())
"""


def run_without(names, code):
    code = BLOCK.format(names=names) + code
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("module", POLICY)
def test_imports_without(module):
    run_without(POLICY[module], f"import {module}")


def test_comparing_needs_no_lightning():
    run_without(
        ["lightning"],
        "from xor_torch.cli import main; sys.exit(main(['compare', '--epochs', '2']))",
    )


def test_training_does_not_import_matplotlib():
    # not by blocking it: torchmetrics, which Lightning imports, takes it where it is installed
    for room in ("lit/module", "lit/training", "lit/console", "lit/runs", "model", "data"):
        assert (
            "matplotlib" not in Path(xor_torch.__file__).parent.joinpath(f"{room}.py").read_text()
        )


def test_every_public_name_is_there():
    for name in xor_torch.__all__:
        assert getattr(xor_torch, name) is not None
    assert set(xor_torch.__all__) <= set(dir(xor_torch))
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = xor_torch.nothing


@pytest.mark.parametrize("package", [xor_torch, xor_torch.lit])
def test_type_checkers_see_every_public_name(package):
    stub = Path(package.__file__).with_suffix(".pyi").read_text(encoding="utf-8")
    imports = [node for node in ast.walk(ast.parse(stub)) if isinstance(node, ast.ImportFrom)]
    homes = {name.asname: node.module for node in imports for name in node.names}
    assert homes == package._HOMES
