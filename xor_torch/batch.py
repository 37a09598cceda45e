"""Gradient descent of many networks at once, by autograd: the network is the last axis.

S networks that share nothing are trained as one program in which every number of a network is
a vector of S numbers. With the network as the last axis such a vector is contiguous in memory
and fills the machine's registers. What is differentiated is the sum of the S losses: a
network's weights occur in its own loss only, so its gradient is what it would be alone.

The weights are one array ``theta`` of shape (P, S), its rows W1 row by row, b1, W2, b2. An epoch
has two forms, which compute the same:

- `Eager`: a dozen torch operations on arrays of shape (N, hidden, S).
- `Compiled`: one network written out number by number, differentiated by autograd and spelled as
  one loop over S, see `kernel`. No intermediate leaves the processor: four to five times as fast.
  Its length, and the time to compile it, grow with N times hidden. It is compiled into a file
  that later processes load in a moment. It runs on GPUs, too.
"""

import hashlib
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits, mse_loss, pad

from . import kernel
from .data import Parameters, truth_table
from .outcome import predicts_one


class Trained(NamedTuple):
    """S networks after their last epoch; C epochs were recorded."""

    parameters: Parameters  # (S, bits, hidden), (S, 1, hidden), (S, hidden, 1), (S, 1, 1)
    loss: np.ndarray  # (S,), mean over the rows, of the last epoch's forward pass
    prediction: np.ndarray  # (S, 2**bits), of the last epoch's forward pass
    gradient_norm: np.ndarray  # (S,), of the last epoch's gradient
    curve_loss: np.ndarray  # (C, S), mean over the rows
    curve_solved: np.ndarray  # (C, S) bool
    curve_gradient_norm: np.ndarray  # (C, S), or (0,) if it was not asked for


def train(
    parameters: Parameters,
    epochs: int,
    lr: float | Parameters,
    loss: str | Sequence[str] = "mse",
    momentum: float | np.ndarray = 0.0,
    compiled: bool = False,
    curve: Iterable[int] = (),
    norms: bool = False,
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
        lr: the learning rate. Eager only: one for each weight, arrays of the shapes of
            `parameters`. A weight with the rate 0 stays as it is, and the gradient's norm leaves it
            out.
        loss: "mse", squared error, or "bce", cross-entropy; eager only: one for each network.
        momentum: as in ``torch.optim.SGD``, also (S,); eager only.
        compiled: use the compiled form of an epoch, which has one lr, one loss and no momentum.
        curve: epochs to record besides the last; the first epoch is 0.
        norms: record the norm of the gradient in these epochs, too.
        tick: called about twice a second with the number of epochs that are done.
        device: "cpu" or "cuda", the current CUDA device.

    """
    bits, hidden = parameters.W1.shape[1:]
    problem = Problem(bits, hidden, loss, device)
    theta = torch.tensor(_rows(parameters), device=device)
    rate = _rows(lr) if isinstance(lr, Parameters) else np.array(lr)
    held = torch.tensor(rate == 0, device=device)
    networks: Compiled | Eager
    if compiled:
        networks = Compiled(problem, theta, float(rate))
    else:
        networks = Eager(problem, theta, rate, momentum)
    losses, solved, slopes = [], [], []

    def norm() -> torch.Tensor:
        gradient = problem.gradient(problem.leaves(networks.theta)).masked_fill(held, 0)
        return gradient.square().sum(0).sqrt()

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
        if norms:
            slopes.append(norm())
    gradient_norm = norm()
    networks.descend(1)

    flat = networks.theta.T.numpy(force=True)
    ends = np.cumsum([p[0].size for p in parameters])[:-1]
    shapes = (p.shape for p in parameters)
    return Trained(
        parameters=Parameters(*map(np.reshape, np.split(flat, ends, axis=1), shapes)),
        loss=losses[-1].numpy(force=True),
        prediction=prediction.T.numpy(force=True),
        gradient_norm=gradient_norm.numpy(force=True),
        curve_loss=torch.stack(losses).numpy(force=True),
        curve_solved=torch.stack(solved).numpy(force=True),
        curve_gradient_norm=torch.stack(slopes).numpy(force=True) if norms else np.empty(0),
    )


def _rows(parameters: Parameters) -> np.ndarray:
    """The parameters of S networks in the rows of theta, (P, S)."""
    return np.concatenate([p.reshape(len(p), -1) for p in parameters], axis=1).T


class Problem:
    """The parity problem, its network and its loss, for S networks at once.

    `loss` is "mse" or "bce", or a list with one of the two for each network.
    """

    def __init__(
        self, bits: int, hidden: int, loss: str | Sequence[str], device: str = "cpu"
    ) -> None:
        X, y = truth_table(bits)
        self.bits, self.hidden, self.loss = bits, hidden, loss
        self.numbers = (bits + 2) * hidden + 1  # of a network: P
        self.X1 = torch.tensor(np.hstack([X, np.ones_like(y)]), device=device)  # (N, bits + 1)
        self.y = torch.tensor(y, device=device)  # (N, 1)
        # of a list: (S,)
        self._bce = torch.tensor([one == "bce" for one in loss], device=device)

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
        if self.loss == "mse":
            return mse_loss(torch.sigmoid(z2), y, reduction=reduction)
        each = torch.where(
            self._bce,
            binary_cross_entropy_with_logits(z2, y, reduction="none"),
            mse_loss(torch.sigmoid(z2), y, reduction="none"),
        )
        return each.sum() if reduction == "sum" else each

    def leaves(self, theta: torch.Tensor) -> list[torch.Tensor]:
        """The views of theta that `split` gives, as `gradient` takes them."""
        return [w.requires_grad_() for w in self.split(theta)]

    def gradient(self, leaves: list[torch.Tensor]) -> torch.Tensor:
        """The gradient of each network's summed error, in the rows of theta: (P, S)."""
        error = self.error(self.forward(*leaves), self.y, "sum")
        W1, W2, b2 = torch.autograd.grad(error, leaves)
        return torch.cat([W1.view(-1, b2.shape[1]), W2, b2])

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

    stride = 1  # epochs for each call of `descend`

    def __init__(
        self,
        problem: Problem,
        theta: torch.Tensor,
        lr: float | np.ndarray,
        momentum: float | np.ndarray,
    ) -> None:
        self.theta = theta.contiguous()
        self._problem, self._leaves = problem, problem.leaves(self.theta)
        self._lr, self._momentum = (
            torch.as_tensor(number, dtype=theta.dtype, device=theta.device)
            for number in (lr, momentum)
        )
        self._velocity = torch.zeros_like(theta) if np.any(momentum) else None

    def descend(self, epochs: int) -> None:
        for _ in range(epochs):
            self._step()

    def _step(self) -> None:
        move = self._problem.gradient(self._leaves)
        if self._velocity is not None:
            move = self._velocity.mul_(self._momentum).add_(move)
        self.theta.addcmul_(self._lr, move, value=-1)


class Compiled:
    """Many epochs of S networks, as one compiled loop."""

    def __init__(self, problem: Problem, theta: torch.Tensor, lr: float) -> None:
        self.stride = 1000 if theta.is_cuda else 100  # they take a moment
        self._S, self._lr = theta.shape[1], lr
        self._theta = pad(theta.contiguous(), (0, -self._S % kernel.MULTIPLE))
        self._descend = compiled_epochs(problem, kernel.TRITON if theta.is_cuda else kernel.CPP)

    @property
    def theta(self) -> torch.Tensor:
        return self._theta[:, : self._S].contiguous()

    def descend(self, epochs: int) -> None:
        self._descend(self._theta, self._lr, epochs)


def cache_directory() -> Path:
    """Where compiled epochs are kept: a folder of the user's that outlives /tmp."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "xor_torch"


def compiled_epochs(
    problem: Problem, language: kernel.Language
) -> Callable[[torch.Tensor, float, int], None]:
    """A function of theta, the learning rate and E that moves theta by E epochs; see `kernel.load`.

    Compiled on first use, by one process while the others wait, and kept in `cache_directory`.

    Raises:
        RuntimeError: the compiler fails, or the traced operations have no spelling for it.
        OSError: there is no compiler, or it cannot be written.
        ImportError: there is no Triton.

    """
    from filelock import FileLock  # torch's own requirement

    made_from = b"".join(Path(file).read_bytes() for file in (__file__, kernel.__file__))
    made_from += f"{torch.__version__} {torch.backends.cpu.get_cpu_capability()}".encode()
    sources = hashlib.sha256(made_from).hexdigest()[:16]
    name = f"{problem.bits}-{problem.hidden}-{problem.loss}-{sources}"
    directory = cache_directory()
    os.environ.setdefault("TRITON_CACHE_DIR", str(directory / "triton"))
    directory.mkdir(parents=True, exist_ok=True)
    with FileLock(directory / f"{name}.lock"):
        for path in directory.glob(f"{name}-*{language.suffix}"):
            # a damaged program is compiled anew, not run
            if path.stem == f"{name}-{_digest(path)}":
                return kernel.load(path)
        text = kernel.source(problem.written_out, problem.numbers, language)
        with tempfile.TemporaryDirectory(dir=directory) as beside:
            new = Path(beside) / f"new{language.suffix}"
            kernel.build(text, language, new)
            path = directory / f"{name}-{_digest(new)}{language.suffix}"
            new.replace(path)
    return kernel.load(path)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
