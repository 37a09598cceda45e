"""Gradient descent of many networks at once, by autograd: the network is the last axis.

S networks that share nothing are trained as one program in which every number of a network is
a vector of S numbers. With the network as the last axis such a vector is contiguous in memory
and fills the machine's registers. What is differentiated is the sum of the S losses: a
network's weights occur in its own loss only, so its gradient is what it would be alone.

The weights are one array ``theta`` of shape (P, S), its rows W1 row by row, b1, W2, b2. The
same epoch is there in three forms:

- `Eager`: a dozen torch operations on arrays of shape (N, hidden, S).
- `Compiled`: one network written out number by number, each number a vector of S. Inductor
  fuses it into a single loop over S in which no intermediate leaves the processor: four to
  five times as fast. Its length, and the time to compile it, grow with N times hidden. It is
  compiled ahead of time into a file that later processes load in a moment.
- `OnGPU`: the same network written out, as a GPU kernel that does many epochs, see `kernel`.
"""

import hashlib
import os
import time
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits, mse_loss

from . import kernel
from .data import Parameters, truth_table
from .files import read_zip, write_beside
from .outcome import predicts_one


class Trained(NamedTuple):
    """S networks after their last epoch; C epochs were recorded."""

    parameters: Parameters  # (S, bits, hidden), (S, 1, hidden), (S, hidden, 1), (S, 1, 1)
    loss: np.ndarray  # (S,), mean over the rows, of the last epoch's forward pass
    prediction: np.ndarray  # (S, 2**bits), of the last epoch's forward pass
    gradient_norm: np.ndarray  # (S,), of the last epoch's gradient
    curve_loss: np.ndarray  # (C, S), mean over the rows
    curve_solved: np.ndarray  # (C, S) bool


def train(
    parameters: Parameters,
    epochs: int,
    lr: float,
    loss: str = "mse",
    momentum: float = 0.0,
    compiled: bool = False,
    curve: Iterable[int] = (),
    tick: Callable[[int], None] | None = None,
    device: str = "cpu",
) -> Trained:
    """Full-batch gradient descent on the parity problem, S networks side by side.

    As in the notebook, the gradient is that of the SUM over the rows, and the loss and the
    predictions are those of the last epoch's forward pass, before its update.

    Args:
        parameters: ``W1`` (S, bits, hidden), ``b1`` (S, 1, hidden), ``W2`` (S, hidden, 1) and
            ``b2`` (S, 1, 1), float64. They are left as they are.
        epochs: at least 1.
        lr: the learning rate.
        loss: "mse", squared error, or "bce", cross-entropy.
        momentum: as in ``torch.optim.SGD``; eager only.
        compiled: use the compiled form of an epoch; without momentum.
        curve: epochs to record besides the last; the first epoch is 0.
        tick: called about twice a second with the number of epochs that are done.
        device: "cpu" or "cuda", the current CUDA device.

    """
    S, bits, hidden = parameters.W1.shape
    problem = Problem(bits, hidden, loss, device)
    rows = np.concatenate([p.reshape(S, -1) for p in parameters], axis=1).T
    theta = torch.tensor(rows, device=device)
    networks: Compiled | Eager | OnGPU
    if compiled and theta.is_cuda:
        networks = OnGPU(problem, theta, lr)
    elif compiled and S > 1:
        networks = Compiled(problem, theta, lr)
    else:
        networks = Eager(problem, theta, lr, momentum)
    losses, solved = [], []
    done, next_tick = 0, 0.0
    for stop in sorted({*curve, epochs - 1}):
        while done < stop:
            several = min(networks.stride, stop - done)
            networks.descend(several)
            done += several
            if tick and time.monotonic() >= next_tick:
                tick(done)
                next_tick = time.monotonic() + 0.5
        mean, prediction = problem.evaluate(networks.theta)
        losses.append(mean)
        solved.append((predicts_one(prediction) == (problem.y == 1)).all(0))
    weights = [w.requires_grad_() for w in problem.split(networks.theta.clone())]
    gradient = torch.cat([g.view(-1, S) for g in problem.gradient(*weights)])
    networks.descend(1)

    flat = networks.theta.T.numpy(force=True)
    ends = np.cumsum([p[0].size for p in parameters])[:-1]
    shapes = (p.shape for p in parameters)
    return Trained(
        parameters=Parameters(*map(np.reshape, np.split(flat, ends, axis=1), shapes)),
        loss=losses[-1].numpy(force=True),
        prediction=prediction.T.numpy(force=True),
        gradient_norm=gradient.square().sum(0).sqrt().numpy(force=True),
        curve_loss=torch.stack(losses).numpy(force=True),
        curve_solved=torch.stack(solved).numpy(force=True),
    )


class Problem:
    """The parity problem, its network and its loss, for S networks at once."""

    def __init__(self, bits: int, hidden: int, loss: str, device: str = "cpu") -> None:
        X, y = truth_table(bits)
        self.bits, self.hidden, self.loss = bits, hidden, loss
        self.numbers = (bits + 2) * hidden + 1  # of a network: P
        self.X1 = torch.tensor(np.hstack([X, np.ones_like(y)]), device=device)  # (N, bits + 1)
        self.y = torch.tensor(y, device=device)  # (N, 1)

    def split(self, theta: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Views of theta: W1 and b1 (bits + 1, hidden * S), W2 (hidden, S) and b2 (1, S).

        W1 and b1 together are the weights of (x, 1): layer 1 is one matrix product.
        """
        end = (self.bits + 1) * self.hidden
        return theta[:end].view(self.bits + 1, -1), theta[end:-1], theta[-1:]

    def forward(self, W1: torch.Tensor, W2: torch.Tensor, b2: torch.Tensor) -> torch.Tensor:
        """z2, shape (N, S), for weights as from `split`."""
        a1 = (self.X1 @ W1).sigmoid_().view(-1, *W2.shape)  # (N, hidden, S)
        return (a1 * W2).sum(1).add_(b2)  # in place: what is not written stays in the cache

    def error(self, z2: torch.Tensor, y: torch.Tensor, reduction: str) -> torch.Tensor:
        """Squared error or cross-entropy; `reduction` "none" gives each row's, "sum" their sum."""
        y = y.expand_as(z2)
        if self.loss == "bce":
            return binary_cross_entropy_with_logits(z2, y, reduction=reduction)
        return mse_loss(torch.sigmoid(z2), y, reduction=reduction)

    def gradient(self, *weights: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """The gradient of each network's summed error, for weights that require it."""
        return torch.autograd.grad(self.error(self.forward(*weights), self.y, "sum"), weights)

    def written_out(self, theta: list[torch.Tensor]) -> torch.Tensor:
        """The summed error from the rows of theta, every number of the network by itself."""
        bits, hidden = self.bits, self.hidden
        W1, b1 = theta[: bits * hidden], theta[bits * hidden : -1 - hidden]
        W2, b2 = theta[-1 - hidden : -1], theta[-1]
        errors = []
        X, y = (table.tolist() for table in truth_table(bits))
        for x, (target,) in zip(X, y, strict=True):
            z2 = b2
            for h in range(hidden):
                z1 = sum((W1[b * hidden + h] for b in range(bits) if x[b]), b1[h])
                z2 = z2 + torch.sigmoid(z1) * W2[h]
            errors.append(self.error(z2, torch.full_like(z2, target), "sum"))
        return sum(errors[1:], errors[0])

    def evaluate(self, theta: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The mean error, shape (S,), and the predictions, shape (N, S)."""
        z2 = self.forward(*self.split(theta))
        return self.error(z2, self.y, "none").mean(0), torch.sigmoid(z2)


class Eager:
    """An epoch of S networks, operation by operation."""

    stride = 1  # how many epochs are worth asking for at once

    def __init__(self, problem: Problem, theta: torch.Tensor, lr: float, momentum: float) -> None:
        self.theta = theta.contiguous()
        self._problem, self._lr, self._momentum = problem, lr, momentum
        self._weights = [w.requires_grad_() for w in problem.split(self.theta)]
        self._values = [w.detach() for w in self._weights]  # the same memory, without a history
        self._velocity = [torch.zeros_like(w) for w in self._values] if momentum else None

    def descend(self, epochs: int) -> None:
        for _ in range(epochs):
            self._step()

    def _step(self) -> None:
        move: Iterable[torch.Tensor] = self._problem.gradient(*self._weights)
        if self._velocity:
            for v, g in zip(self._velocity, move, strict=True):
                v.mul_(self._momentum).add_(g)
            move = self._velocity
        for w, m in zip(self._values, move, strict=True):
            w.sub_(m, alpha=self._lr)


class Compiled:
    """An epoch of S networks, as one compiled loop over them."""

    stride = 1

    def __init__(self, problem: Problem, theta: torch.Tensor, lr: float) -> None:
        self._rows = [row.clone() for row in theta]
        self._lr = torch.tensor(lr, dtype=torch.float64)  # a number would be compiled in
        self._epoch = compiled_epoch(problem)

    @property
    def theta(self) -> torch.Tensor:
        return torch.stack(self._rows)

    def descend(self, epochs: int) -> None:
        for _ in range(epochs):
            self._epoch([*self._rows, self._lr])


class OnGPU:
    """Many epochs of S networks at once, as one kernel in which each is a thread's."""

    stride = 1000  # milliseconds

    def __init__(self, problem: Problem, theta: torch.Tensor, lr: float) -> None:
        self.theta = theta.contiguous()
        self._lr = torch.tensor(lr, dtype=torch.float64, device=theta.device)
        self._launch = gpu_epochs(problem)

    def descend(self, epochs: int) -> None:
        self._launch(self.theta, self._lr, epochs)


def cache_directory() -> Path:
    """Where compiled epochs are kept: the user's own, and still there when /tmp is emptied."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "xor_torch"


def gpu_epochs(problem: Problem) -> Callable[[torch.Tensor, torch.Tensor, int], None]:
    """A function of theta, the learning rate and E: moves theta by E epochs on its device.

    The kernel's source is kept in `cache_directory`, and there Triton keeps what it compiles.

    Raises:
        RuntimeError: the compiler fails, or the traced operations cannot be spelled for it.
        ImportError: there is no Triton.

    """
    from filelock import FileLock

    path = cache_directory() / f"{_name(problem, kernel.__file__)}.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{path}.lock"):
        if not path.exists():
            with write_beside(path) as beside:
                beside.write_text(kernel.source(problem.written_out, problem.numbers))
    os.environ.setdefault("TRITON_CACHE_DIR", str(path.parent / "triton"))
    return kernel.load(path)


def _name(problem: Problem, *sources: str) -> str:
    """A file name that tells apart what is compiled from different sources or problems."""
    made_from = b"".join(Path(source).read_bytes() for source in (__file__, *sources))
    source = hashlib.sha256(made_from).hexdigest()[:8]
    return f"{problem.bits}-{problem.hidden}-{problem.loss}-{source}-{torch.__version__}"


def compiled_epoch(problem: Problem) -> Callable[[list[torch.Tensor]], list[torch.Tensor]]:
    """A function of P vectors (S,), S > 1, and the learning rate: moves the vectors by an epoch.

    Compiled on first use, by one process while the others wait, and kept in `cache_directory`.

    Raises:
        RuntimeError: the compiler fails; there are many ways.

    """
    from filelock import FileLock  # torch's own requirement

    machine = torch.backends.cpu.get_cpu_capability().replace(" ", "")
    path = cache_directory() / f"{_name(problem)}-{machine}.pt2"
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{path}.lock"):
        try:
            read_zip(path)
        except (FileNotFoundError, ValueError):  # a damaged program is compiled anew, not run
            _compile(problem, path)
    # torch._inductor.aoti_load_package is this, after two seconds of imports
    return torch._C._aoti.AOTIModelPackageLoader(str(path), "model", True, 1, -1).run


def _compile(problem: Problem, path: Path) -> None:
    def epoch(*theta_and_lr: torch.Tensor) -> tuple[()]:
        *theta, lr = theta_and_lr
        for w, g in zip(theta, torch.func.grad(problem.written_out)(theta), strict=True):
            w.sub_(lr * g)
        return ()

    for name, value in {  # inductor reads them when it is imported; what the user has set stays
        "TORCHINDUCTOR_CACHE_DIR": str(path.parent / "inductor"),
        "TORCHINDUCTOR_COMPILE_THREADS": "1",  # no pool of processes for a single loop
        "TORCHINDUCTOR_VEC_ISA_OK": "1",  # no test program for each instruction set
    }.items():
        os.environ.setdefault(name, value)
    from torch.export import Dim, export
    from torch.fx.experimental.proxy_tensor import make_fx

    example = (
        *torch.zeros(problem.numbers, 8, dtype=torch.float64),
        problem.y[0, 0],
    )
    S = Dim("S", min=2)
    shapes = tuple({0: S} if argument.ndim else {} for argument in example)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's about torch
        # make_fx first: export does not see through torch.func.grad
        graph = make_fx(epoch, tracing_mode="symbolic")(*example)
        program = export(graph, example, dynamic_shapes=shapes)
        beside = path.with_name(f"{os.getpid()}.pt2")
        torch._inductor.aoti_compile_and_package(
            program,
            package_path=str(beside),
            # what surrounds the loop is not worth optimizing, nor headers for a single use
            inductor_configs={
                "aot_inductor.compile_wrapper_opt_level": "O0",
                "aot_inductor.precompile_headers": False,
            },
        )
    beside.replace(path)
