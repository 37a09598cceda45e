"""Gradient descent as a loop inside one GPU kernel, made from what autograd traces.

`source` traces the gradient of one network's loss, a function of P numbers, and spells the traced
operations as a kernel in Triton's language. In the kernel every lane holds the P numbers of a
network in registers and repeats the epoch; device memory is read once before the loop and written
once after it.

Triton belongs to torch's builds for CUDA and is imported by `load` alone.
"""

from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from string import Formatter
from typing import Any

import torch

LANES = 128  # networks in a program of the kernel, one for each of its threads

# How Triton spells an operation; {0} is its first argument. `_spell` asks for an argument only if
# it occurs here, so the loss itself is never spelled: its gradient does not need its value.
SPELLING = {
    "aten.add.Tensor": "{0} + {1}",
    "aten.sub.Tensor": "{0} - {1}",
    "aten.mul.Tensor": "{0} * {1}",
    "aten.div.Tensor": "{0} / {1}",
    "aten.neg.default": "-{0}",
    "aten.exp.default": "tl.exp({0})",
    "aten.sigmoid.default": "libdevice.rcp_rn(1.0 + tl.exp(-{0}))",  # 1 / x costs more
    "aten.clamp.default": "tl.maximum({0}, {1}, propagate_nan=tl.PropagateNan.ALL)",
    "aten.ge.Scalar": "{0} >= {1}",
    "aten.where.self": "tl.where({0}, {1}, {2})",
    "aten.full_like.default": "tl.full((), {1}, tl.float64)",
    "aten.scalar_tensor.default": "tl.full((), {0}, tl.float64)",
    "aten.clone.default": "{0}",
    "aten.expand.default": "{0}",
}

KERNEL = """\
import triton
import triton.language as tl
from triton.language.extra import libdevice


@triton.jit(do_not_specialize=["epochs", "S"])
def descend(theta, lr, epochs, S, LANES: tl.constexpr):
    lane = tl.program_id(0) * LANES + tl.arange(0, LANES)
    theta += lane
    lr = tl.load(lr)
    {load}
    for _ in range(epochs):
        {epoch}
    {store}
"""


def source(loss: Callable[[list[torch.Tensor]], torch.Tensor], parameters: int) -> str:
    """A kernel that does epochs of gradient descent on `loss`.

    Args:
        loss: takes a list of tensors without axes, the parameters, and returns one.
        parameters: how many they are.

    Raises:
        NotImplementedError: autograd uses an operation that SPELLING does not have.

    """
    from torch._decomp import core_aten_decompositions
    from torch.fx.experimental.proxy_tensor import make_fx

    def epoch(lr: torch.Tensor, *theta: torch.Tensor) -> tuple[torch.Tensor, ...]:
        gradient = torch.func.grad(loss)([*theta])
        return tuple(w - lr * g for w, g in zip(theta, gradient, strict=True))

    numbers = [torch.tensor(0.5, dtype=torch.float64) for _ in range(1 + parameters)]
    graph = make_fx(
        torch.func.functionalize(epoch, remove="mutations_and_views"),
        decomposition_table=dict(core_aten_decompositions()),
    )(*numbers).graph
    names = [f"w{k}" for k in range(parameters)]
    lines: dict[Any, str] = {}
    known = dict(zip(graph.find_nodes(op="placeholder"), ["lr", *names], strict=True))
    (output,) = graph.find_nodes(op="output")
    moved = [_spell(node, known, lines) for node in output.args[0]]
    return KERNEL.format(
        load="\n    ".join(
            f"{name} = tl.load(theta + {k} * S, mask=lane < S, other=0.0)"
            for k, name in enumerate(names)
        ),
        epoch="\n        ".join([*lines.values(), f"{', '.join(names)} = {', '.join(moved)}"]),
        store="\n    ".join(
            f"tl.store(theta + {k} * S, {name}, mask=lane < S)" for k, name in enumerate(names)
        ),
    )


def load(path: Path) -> Callable[[torch.Tensor, torch.Tensor, int], None]:
    """A function of theta (P, S), a rate and a number of epochs that runs the kernel in `path`.

    It changes theta, and returns when that is done.

    Raises:
        RuntimeError: the kernel cannot be compiled.
        ImportError: there is no Triton.

    """
    spec = spec_from_file_location("xor_torch_kernel", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)

    def launch(theta: torch.Tensor, lr: torch.Tensor, epochs: int) -> None:
        S = theta.shape[1]
        programs = -(-S // LANES)
        module.descend[(programs,)](theta, lr, epochs, S, LANES=LANES, num_warps=LANES // 32)
        if theta.is_cuda:
            torch.cuda.synchronize()

    return launch


def _spell(argument: Any, known: dict[Any, str], lines: dict[Any, str]) -> str:
    """The name of a traced value, after the lines that compute it were added to `lines`."""
    if not isinstance(argument, torch.fx.Node):
        return repr(argument)
    if argument not in known:
        target = str(argument.target)
        if target not in SPELLING:
            raise NotImplementedError(f"there is no spelling of {target} for the GPU")
        spelling = SPELLING[target]
        asked = [int(field) for _, field, _, _ in Formatter().parse(spelling) if field]
        spelled = {k: _spell(argument.args[k], known, lines) for k in asked}
        arguments = [spelled.get(k, "") for k in range(len(argument.args))]
        known[argument] = f"t{len(lines)}"
        lines[argument] = f"{known[argument]} = {spelling.format(*arguments)}"
    return known[argument]
