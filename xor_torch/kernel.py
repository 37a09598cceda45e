"""Gradient descent as one compiled loop, made from what autograd traces.

`source` traces the gradient of one network's loss, a function of P numbers, and spells each traced
operation as a line of a program, in one of two languages:

- `CPP`, for CPUs. A line computes a number of many networks at once, with the vector instructions
  and the `exp` of torch's own operations. `build` calls the C++ compiler.
- `TRITON`, for GPUs. Each thread holds the P numbers of a network in registers and repeats the
  epoch, so that memory is read once before the loop and written once after it. Triton comes with
  torch's builds for CUDA; `load` imports it.

Either program has a function ``descend``, which changes an array theta (P, S) in its place.
"""

import ctypes
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from string import Formatter
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:  # importing torch takes seconds, and the plan of a sweep asks for `compiler` only
    import torch

LANES = 128  # networks in a program of the GPU's kernel, one for each of its threads
MULTIPLE = 64  # `descend` in C++ takes S in multiples of this: of every length of a vector


class Language(NamedTuple):
    """How a traced graph is written down."""

    suffix: str
    template: str
    # How an operation is spelled; {0} is its first argument. An argument that does not occur is
    # not computed, so the loss itself never is: its gradient does not need its value.
    spelling: dict[str, str]
    number: str  # a constant
    line: str  # the value {1} gets the name {0}
    load: str  # the number {0} of a network gets the name {1}
    store: str  # the number {0}, which was {1} before the epoch and is {2} after it
    # Whether operations stand in the order of their depth in the graph. A CPU looks a few hundred
    # instructions ahead for something that it can do at once; then it finds more.
    by_depth: bool


IN_BOTH = {
    "aten.add.Tensor": "{0} + {1}",
    "aten.sub.Tensor": "{0} - {1}",
    "aten.mul.Tensor": "{0} * {1}",
    "aten.div.Tensor": "{0} / {1}",
    "aten.ge.Scalar": "{0} >= {1}",
    "aten.clone.default": "{0}",
    "aten.expand.default": "{0}",
}

TRITON = Language(
    suffix=".py",
    template="""\
import triton
import triton.language as tl
from triton.language.extra import libdevice


@triton.jit(do_not_specialize=["epochs", "S"])
def descend(theta, lr, epochs, S, LANES: tl.constexpr):
    lane = tl.program_id(0) * LANES + tl.arange(0, LANES)
    theta += lane
    lr = tl.load(lr)
    <load>
    for _ in range(epochs):
        <epoch>
        <move>
    <store>
""",
    spelling={
        **IN_BOTH,
        "aten.neg.default": "-{0}",
        "aten.exp.default": "tl.exp({0})",
        "aten.sigmoid.default": "libdevice.rcp_rn(1.0 + tl.exp(-{0}))",  # 1 / x costs more
        "aten.clamp.default": "tl.maximum({0}, {1}, propagate_nan=tl.PropagateNan.ALL)",
        "aten.where.self": "tl.where({0}, {1}, {2})",
        "aten.full_like.default": "tl.full((), {1}, tl.float64)",
        "aten.scalar_tensor.default": "tl.full((), {0}, tl.float64)",
    },
    number="{!r}",
    line="{0} = {1}",
    load="{1} = tl.load(theta + {0} * S, mask=lane < S, other=0.0)",
    store="tl.store(theta + {0} * S, {1}, mask=lane < S)",
    by_depth=False,
)

CPP = Language(
    suffix=".so",
    template="""\
#include <ATen/cpu/vec/vec.h>
#include <ATen/cpu/vec/vec_n.h>
#include <algorithm>

using V = at::vec::VectorizedN<double, 4>;  // a call of exp is done while another one begins
constexpr int64_t STRIP = 512;  // networks whose numbers stay in a core's first cache
static_assert(STRIP % V::size() == 0 && 64 % V::size() == 0, "S is a multiple of 64");

extern "C" void descend(double* theta, double rate, int64_t epochs, int64_t S) {
  const V lr(rate);
  for (int64_t begin = 0; begin < S; begin += STRIP) {
    const int64_t end = std::min(S, begin + STRIP);
    for (int64_t epoch = 0; epoch < epochs; ++epoch) {
      for (int64_t at = begin; at < end; at += V::size()) {
        double* p = theta + at;
        <load>
        <epoch>
        <store>
      }
    }
  }
}
""",
    spelling={
        **IN_BOTH,
        "aten.neg.default": "{0}.neg()",
        "aten.exp.default": "{0}.exp()",
        "aten.sigmoid.default": "V(1.0) / (V(1.0) + {0}.neg().exp())",
        "aten.clamp.default": "maximum({0}, {1})",
        "aten.where.self": "V::blendv({2}, {1}, {0})",
        "aten.full_like.default": "{1}",
        "aten.scalar_tensor.default": "{0}",
    },
    number="V({!r})",
    line="const V {0} = {1};",
    load="const V {1} = V::loadu(p + {0} * S);",
    store="{2}.store(p + {0} * S);",
    by_depth=True,
)


def source(
    loss: "Callable[[list[torch.Tensor]], torch.Tensor]", parameters: int, language: Language
) -> str:
    """A program that does epochs of gradient descent on `loss`.

    Args:
        loss: takes a list of tensors without axes, the parameters, and returns one.
        parameters: how many they are.
        language: of the program.

    Raises:
        NotImplementedError: autograd uses an operation that the language has no spelling for.

    """
    import torch
    from torch._decomp import core_aten_decompositions
    from torch.fx.experimental.proxy_tensor import make_fx

    def epoch(lr: torch.Tensor, *theta: torch.Tensor) -> tuple[torch.Tensor, ...]:
        gradient = torch.func.grad(loss)([*theta])
        return tuple(w - lr * g for w, g in zip(theta, gradient, strict=True))

    example = [torch.tensor(0.5, dtype=torch.float64) for _ in range(1 + parameters)]
    graph = make_fx(
        torch.func.functionalize(epoch, remove="mutations_and_views"),
        decomposition_table=dict(core_aten_decompositions()),
    )(*example).graph
    names = [f"w{k}" for k in range(parameters)]
    speller = _Speller(language)
    for node, name in zip(graph.find_nodes(op="placeholder"), ["lr", *names], strict=True):
        speller.known[node] = name, 0
    (output,) = graph.find_nodes(op="output")
    moved = [speller.spell(node)[0] for node in output.args[0]]
    rows = [*zip(range(parameters), names, moved, strict=True)]
    blocks = {
        "load": [language.load.format(*row) for row in rows],
        "epoch": speller.lines(),
        "move": [f"{', '.join(names)} = {', '.join(moved)}"],
        "store": [language.store.format(*row) for row in rows],
    }
    return re.sub(
        r"^( *)<(\w+)>$",
        lambda found: "\n".join(found[1] + line for line in blocks[found[2]]),
        language.template,
        flags=re.MULTILINE,
    )


class _Speller:
    """Spells the traced values that others ask for, each once."""

    def __init__(self, language: Language) -> None:
        self.known: dict[Any, tuple[str, int]] = {}  # node -> its name and its depth
        self._language = language
        self._lines: list[tuple[int, str]] = []

    def spell(self, argument: Any) -> tuple[str, int]:
        """The name of a traced value or a number, and how many operations deep it is."""
        if not hasattr(argument, "target"):
            return self._language.number.format(float(argument)), 0
        if argument not in self.known:
            spelling = self._language.spelling.get(str(argument.target))
            if spelling is None:
                raise NotImplementedError(f"{argument.target} has no spelling in a kernel")
            asked = [int(field) for _, field, _, _ in Formatter().parse(spelling) if field]
            found = {k: self.spell(argument.args[k]) for k in asked}
            depth = 1 + max((depth for _, depth in found.values()), default=0)
            words = [found.get(k, ("",))[0] for k in range(len(argument.args))]
            name = f"t{len(self._lines)}"
            line = self._language.line.format(name, spelling.format(*words))
            self._lines.append((depth, line))
            self.known[argument] = name, depth
        return self.known[argument]

    def lines(self) -> list[str]:
        """One for each value, after those that it is computed from."""
        if self._language.by_depth:
            self._lines.sort(key=lambda pair: pair[0])
        return [line for _, line in self._lines]


# The instructions that torch's vectors need, and no others: machines may share the directory of
# programs.
INSTRUCTIONS = {
    "AVX512": ["-mavx512f", "-mavx512dq", "-mavx512vl", "-mavx512bw", "-mfma"],
    "AVX2": ["-mavx2", "-mfma", "-mf16c"],
    "DEFAULT": [],
}


def compiler() -> str:
    """The C++ compiler that `build` calls."""
    return os.environ.get("CXX", "clang++" if sys.platform == "darwin" else "g++")


def build(text: str, language: Language, path: Path) -> None:
    """Compile a program in C++ for this machine's processor; Triton compiles its own when it runs.

    Raises:
        RuntimeError: the compiler fails; the message quotes it.
        OSError: there is no compiler.

    """
    import torch

    if language is TRITON:
        path.write_text(text)
        return
    home = Path(torch.__file__).parent
    capability = torch.backends.cpu.get_cpu_capability()
    if capability not in INSTRUCTIONS:
        capability = "DEFAULT"
    flags = [
        *("-O3", "-std=c++20", "-shared", "-fPIC"),
        *INSTRUCTIONS[capability],
        "-ffp-contract=off",  # rounded as torch's own operations are
        *(f"-DCPU_CAPABILITY={capability}", f"-DCPU_CAPABILITY_{capability}"),
        *("-I", str(home / "include"), "-L", str(home / "lib")),
    ]
    libraries = ["-ltorch_cpu", "-lc10"]  # where torch's exp is
    command = [*shlex.split(compiler()), *flags, "-x", "c++", "-", "-o", str(path), *libraries]
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    if done.returncode:
        error = next((line for line in done.stderr.splitlines() if "error" in line), "no message")
        raise RuntimeError(f"{compiler()} failed: {error}")


def load(path: Path) -> "Callable[[torch.Tensor, float, int], None]":
    """A function of theta (P, S), the learning rate and a number of epochs: it changes theta.

    On a CPU, S must be a multiple of `MULTIPLE`.

    Raises:
        ImportError: the program is for a GPU, and there is no Triton.
        OSError: it is for another machine.

    """
    import torch

    if path.suffix == ".so":
        descend = ctypes.CDLL(str(path)).descend
        descend.argtypes = ctypes.c_void_p, ctypes.c_double, ctypes.c_int64, ctypes.c_int64
        descend.restype = None

        def call(theta: torch.Tensor, lr: float, epochs: int) -> None:
            assert theta.is_contiguous()
            assert theta.shape[1] % MULTIPLE == 0
            descend(theta.data_ptr(), lr, epochs, theta.shape[1])

        return call

    spec = spec_from_file_location("xor_torch_kernel", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)

    def launch(theta: torch.Tensor, lr: float, epochs: int) -> None:
        # Triton passes numbers in single precision
        rate = torch.tensor(lr, dtype=torch.float64, device=theta.device)
        S = theta.shape[1]
        programs = -(-S // LANES)
        module.descend[(programs,)](theta, rate, epochs, S, LANES=LANES, num_warps=LANES // 32)
        if theta.is_cuda:
            torch.cuda.synchronize()

    return launch
