"""The kernel for the GPU, run on the CPU: Triton's language is played by torch.

What is tested is the text of the kernel, every operation and every address in it. The tests do
not see what Triton and the GPU make of it; docs/sweep.md says how that was measured.
"""

import sys
import types

import numpy as np
import pytest
import torch

from xor_torch import batch, kernel
from xor_torch.batch import Eager, OnGPU, Problem
from xor_torch.sweep import initial_weights


class Pointer:
    """Addresses in the memory of a tensor."""

    def __init__(self, memory, at=0):
        self.memory, self.at = memory.view(-1), at

    def __add__(self, offset):
        return Pointer(self.memory, self.at + offset)


def load(pointer, mask=None, other=None):
    if mask is None:
        return pointer.memory[pointer.at]
    return torch.where(mask, pointer.memory[torch.where(mask, pointer.at, 0)], other)


def store(pointer, value, mask):
    pointer.memory[pointer.at[mask]] = value[mask]


class Launcher:
    """``kernel[grid](...)`` runs the programs of the grid one after the other."""

    def __init__(self, function):
        self.function = function

    def __getitem__(self, grid):
        def run(theta, lr, *numbers, num_warps, **constants):
            for program in range(grid[0]):
                language.program_id = lambda axis, program=program: program
                self.function(Pointer(theta), Pointer(lr, 0), *numbers, **constants)

        return run


language = types.ModuleType("triton.language")
language.constexpr, language.float64 = int, torch.float64
language.arange, language.where, language.exp = torch.arange, torch.where, torch.exp
language.load, language.store = load, store
language.full = lambda shape, value, dtype: torch.full(shape, value, dtype=dtype)
language.PropagateNan = types.SimpleNamespace(ALL="all")
language.maximum = lambda a, b, propagate_nan: torch.clamp(a, min=b)
extra = types.ModuleType("triton.language.extra")
extra.libdevice = types.SimpleNamespace(rcp_rn=torch.reciprocal)


@pytest.fixture
def triton_on_torch(monkeypatch, tmp_path):
    triton = types.ModuleType("triton")
    triton.jit = lambda **options: Launcher
    triton.language = language
    real_load = kernel.load

    def load(path):
        with monkeypatch.context() as only_here:  # torch looks for Triton, too
            only_here.setitem(sys.modules, "triton", triton)
            only_here.setitem(sys.modules, "triton.language", language)
            only_here.setitem(sys.modules, "triton.language.extra", extra)
            return real_load(path)

    monkeypatch.setattr(kernel, "load", load)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def rows(seeds, bits, hidden):
    start = initial_weights(np.arange(seeds), hidden, bits)
    return torch.tensor(np.concatenate([p.reshape(seeds, -1) for p in start], axis=1).T)


@pytest.mark.parametrize(
    ("bits", "hidden", "loss"),
    [(2, 2, "mse"), (1, 1, "mse"), (3, 3, "mse"), (2, 3, "mse"), (2, 2, "bce"), (1, 2, "bce")],
)
def test_the_kernel_does_what_the_eager_epochs_do(triton_on_torch, bits, hidden, loss):
    problem = Problem(bits, hidden, loss)
    theta = rows(2 * kernel.LANES + 3, bits, hidden)  # the last program is not full
    eager = Eager(problem, theta.clone(), 0.3, momentum=0)
    on_gpu = OnGPU(problem, theta.clone(), 0.3)
    for epochs in 1, 40:
        eager.descend(epochs)
        on_gpu.descend(epochs)
    assert (on_gpu.theta != theta).any(dim=1).all()
    torch.testing.assert_close(on_gpu.theta, eager.theta, rtol=1e-12, atol=1e-14)


def test_a_wrong_spelling_is_found(triton_on_torch, monkeypatch):
    """The comparison above can fail."""
    monkeypatch.setitem(kernel.SPELLING, "aten.sub.Tensor", "{0} - 0.999999 * {1}")
    problem = Problem(2, 2, "mse")
    theta = rows(5, 2, 2)
    eager = Eager(problem, theta.clone(), 0.3, momentum=0)
    on_gpu = OnGPU(problem, theta.clone(), 0.3)
    eager.descend(1)
    on_gpu.descend(1)
    with pytest.raises(AssertionError):
        torch.testing.assert_close(on_gpu.theta, eager.theta, rtol=1e-12, atol=1e-14)


def test_far_weights_do_not_overflow_into_nan(triton_on_torch):
    problem = Problem(2, 2, "mse")
    theta = 2000.0 * rows(9, 2, 2)
    eager = Eager(problem, theta.clone(), 0.1, momentum=0)
    on_gpu = OnGPU(problem, theta.clone(), 0.1)
    eager.descend(3)
    on_gpu.descend(3)
    torch.testing.assert_close(on_gpu.theta, eager.theta, rtol=1e-12, atol=1e-14)


def test_an_operation_without_a_spelling_is_named():
    with pytest.raises(NotImplementedError, match=r"aten\.sin|aten\.cos"):
        kernel.source(lambda theta: torch.sin(theta[0]), 1)


def test_the_loss_itself_is_not_computed():
    text = kernel.source(Problem(2, 2, "mse").written_out, 9)
    assert text.count("tl.exp(") == 12  # one for each sigmoid of a network: none twice
    assert "**" not in text


def test_the_source_is_kept_and_made_anew_when_the_package_changes(
    triton_on_torch, tmp_path, monkeypatch
):
    problem = Problem(1, 1, "mse")
    batch.gpu_epochs(problem)
    (kept,) = (tmp_path / "xor_torch").glob("*.py")
    monkeypatch.setattr(kernel, "source", None)  # not needed again
    batch.gpu_epochs(problem)
    monkeypatch.setattr(kernel, "__file__", str(kept))
    with pytest.raises(TypeError):
        batch.gpu_epochs(problem)
