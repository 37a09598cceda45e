"""Kernels compute what the eager epochs compute: the one in C++, and the one for GPUs.

The one for GPUs runs on the CPU here: torch plays Triton's language. So the tests see every
operation and every address in its text, but not what Triton and a GPU do with it; docs/sweep.md
says how that was tested.
"""

import shutil
import sys
import types

import numpy as np
import pytest
import torch

from xor_torch import kernel
from xor_torch.batch import Compiled, Eager, Problem
from xor_torch.kernel import CPP, TRITON
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
def triton_on_torch(monkeypatch):
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


@pytest.fixture
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "xor_torch"


needs_compiler = pytest.mark.skipif(not shutil.which("g++"), reason="needs a C++ compiler")


@pytest.fixture(params=["triton", pytest.param("cpp", marks=needs_compiler)])
def compiled(request, monkeypatch, compiled_once):
    """`Compiled` in each language, on the CPU."""
    if request.param == "triton":
        request.getfixturevalue("triton_on_torch")
        monkeypatch.setattr(kernel, "CPP", TRITON)  # what `Compiled` takes for a CPU
    return Compiled


def rows(seeds, bits, hidden):
    start = initial_weights(np.arange(seeds), hidden, bits)
    return torch.tensor(np.concatenate([p.reshape(seeds, -1) for p in start], axis=1).T)


NETWORKS = [
    (2, 2, "mse"), (1, 1, "mse"), (2, 3, "mse"), (2, 2, "bce"),
]  # fmt: skip


@pytest.mark.parametrize(("bits", "hidden", "loss"), NETWORKS)
def test_a_kernel_does_what_the_eager_epochs_do(compiled, bits, hidden, loss):
    problem = Problem(bits, hidden, loss)
    theta = rows(2 * kernel.LANES + 3, bits, hidden)  # the last program is not full
    eager = Eager(problem, theta.clone(), 0.3, momentum=0)
    networks = compiled(problem, theta.clone(), 0.3)
    for epochs in 1, 40:
        eager.descend(epochs)
        networks.descend(epochs)
    assert networks.theta.shape == theta.shape
    assert (networks.theta != theta).any(dim=1).all()
    torch.testing.assert_close(networks.theta, eager.theta, rtol=1e-12, atol=1e-14)


def test_networks_of_every_strip_are_trained(compiled):
    problem = Problem(1, 1, "mse")
    theta = rows(1500, 1, 1)  # more than two strips of the loop in C++
    eager = Eager(problem, theta.clone(), 0.3, momentum=0)
    networks = compiled(problem, theta.clone(), 0.3)
    eager.descend(3)
    networks.descend(3)
    torch.testing.assert_close(networks.theta, eager.theta, rtol=1e-12, atol=1e-14)


def test_a_wrong_spelling_is_found(compiled, own_cache, monkeypatch):
    """Shows that the comparison above can fail."""
    for language in CPP, TRITON:
        wrong = language.spelling["aten.mul.Tensor"] + " * " + language.number.format(0.999999)
        monkeypatch.setitem(language.spelling, "aten.mul.Tensor", wrong)
    problem = Problem(1, 1, "mse")
    theta = rows(5, 1, 1)
    eager = Eager(problem, theta.clone(), 0.3, momentum=0)
    networks = compiled(problem, theta.clone(), 0.3)
    eager.descend(1)
    networks.descend(1)
    with pytest.raises(AssertionError):
        torch.testing.assert_close(networks.theta, eager.theta, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("loss", ["mse", "bce"])
def test_far_weights_do_not_overflow_into_nan(compiled, loss):
    problem = Problem(2, 2, loss)
    theta = 2000.0 * rows(9, 2, 2)
    eager = Eager(problem, theta.clone(), 0.1, momentum=0)
    networks = compiled(problem, theta.clone(), 0.1)
    eager.descend(3)
    networks.descend(3)
    assert networks.theta.isfinite().all()
    torch.testing.assert_close(networks.theta, eager.theta, rtol=1e-12, atol=1e-14)


def test_an_operation_without_a_spelling_is_named():
    with pytest.raises(NotImplementedError, match=r"aten\.sin|aten\.cos"):
        kernel.source(lambda theta: torch.sin(theta[0]), 1, TRITON)


@pytest.mark.parametrize(("language", "exp"), [(TRITON, "tl.exp("), (CPP, ".exp()")])
def test_the_loss_itself_is_not_computed(language, exp):
    text = kernel.source(Problem(2, 2, "mse").written_out, 9, language)
    assert text.count(exp) == 12  # one for each sigmoid of a network: none twice
    assert "pow" not in text
