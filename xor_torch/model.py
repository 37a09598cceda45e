"""The same network as a torch module: autograd does the backward pass."""

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from .data import Parameters, check_equal_shapes, initial_weights


class XOR(nn.Module):
    """Inputs, `hidden` sigmoid units, one sigmoid output: float64, the notebook's weights.

    The ``state_dict`` keys are ``hidden.weight, hidden.bias, output.weight, output.bias``.
    ``nn.Linear`` stores the transpose of the notebook's W: use `to_numpy` and `load_numpy`
    to cross between the two layouts.

    Args:
        seed: of NumPy's draws, 0 to 2**32 - 1. Torch's random state stays as it is.
        hidden: number of hidden units, 1 to 4096.
        bits: number of inputs, 1 to 16.

    Raises:
        ValueError: an argument is out of range.

    """

    def __init__(self, seed: int = 42, hidden: int = 2, bits: int = 2) -> None:
        super().__init__()
        weights = initial_weights(seed, hidden, bits)
        # nn.Linear draws weights of its own from torch's global generator; nn.utils.skip_init,
        # which does not, imports sympy for it: half a second
        with torch.random.fork_rng(devices=[]):
            self.hidden = nn.Linear(bits, hidden, dtype=torch.float64)
            self.output = nn.Linear(hidden, 1, dtype=torch.float64)
        self.load_numpy(weights)

    def forward(self, X: Tensor) -> Tensor:
        """Predictions, shape (N, 1), for inputs `X` of shape (N, bits), float64."""
        a1 = torch.sigmoid(self.hidden(X))
        return torch.sigmoid(self.output(a1))

    @torch.no_grad()
    def load_numpy(self, parameters: Parameters) -> None:
        """Copy weights in NumPy layout, float64, into the module.

        Raises:
            ValueError: a shape is not that of this network.

        """
        for name, given, own in zip(Parameters._fields, parameters, self.to_numpy(), strict=True):
            if given.shape != own.shape:  # copy_ would broadcast one hidden unit to all
                raise ValueError(f"{name} has shape {given.shape}, this network's has {own.shape}")
        for parameter, value in zip(self.parameters(), _from_numpy(parameters), strict=True):
            parameter.copy_(value)

    def to_numpy(self) -> Parameters:
        """A copy of the weights in NumPy layout."""
        return to_numpy(*self.parameters())

    def gradients(self) -> Parameters:
        """A copy of the gradients of the last ``backward()`` in NumPy layout.

        Raises:
            ValueError: there was no ``backward()`` yet.

        """
        found = [p.grad for p in self.parameters() if p.grad is not None]
        if len(found) < len(Parameters._fields):
            raise ValueError("no gradients yet: call backward() on a loss of this network first")
        return to_numpy(*found)


def squared_error(prediction: Tensor, y: Tensor) -> Tensor:
    """The SUM of squared errors: the loss whose gradient the notebook follows.

    Args:
        prediction: (N, 1).
        y: targets, (N, 1).

    Returns:
        A tensor without axes. The notebook prints it divided by N: the mean.

    Raises:
        ValueError: the shapes differ; (N, 1) minus (N,) would broadcast to (N, N).

    """
    check_equal_shapes(prediction.shape, y.shape)
    return nn.functional.mse_loss(prediction, y, reduction="sum")


def gradients_at(net: XOR, X: Tensor, y: Tensor, weights: Parameters) -> Parameters:
    """Autograd's gradients of `squared_error` at S sets of weights, in one backward pass.

    They are what S single calls of ``backward()`` give, except for the rounding of the matrix
    products. `vmap` runs the forward pass of `net` itself and the same loss, each weight with one
    more axis. Every one of the S losses starts the backward pass with the factor 1, as a single
    one does, and a set of weights occurs in its own loss alone, so no other adds to its gradient.

    Args:
        net: what is computed; its own weights are neither used nor moved.
        X: inputs, (N, bits).
        y: targets, (N, 1).
        weights: ``W1`` (S, bits, hidden), ``b1`` (S, 1, hidden), ``W2`` (S, hidden, 1) and
            ``b2`` (S, 1, 1), float64.

    Returns:
        Arrays of the shapes of `weights`.

    Raises:
        ValueError: `y` does not have the shape of the prediction.

    """
    leaves = [w.requires_grad_() for w in _from_numpy(weights)]
    names = [name for name, _ in net.named_parameters()]

    def loss(*one: Tensor) -> Tensor:
        return squared_error(functional_call(net, dict(zip(names, one, strict=True)), (X,)), y)

    losses = vmap(loss)(*leaves)  # (S,)
    # The sum gives each loss the factor 1. If `grad` were given these factors, torch would import
    # sympy to compare their shapes: half a second.
    return to_numpy(*torch.autograd.grad(losses.sum(), leaves))


def _from_numpy(parameters: Parameters) -> list[Tensor]:
    """Parameters in NumPy layout as tensors in the module's; they may have one more axis, first."""
    W1, b1, W2, b2 = map(torch.from_numpy, parameters)
    return [W1.mT, b1[..., 0, :], W2.mT, b2[..., 0, :]]


def to_numpy(W1: Tensor, b1: Tensor, W2: Tensor, b2: Tensor) -> Parameters:
    """Copies of a module's parameters in NumPy layout, with or without one more axis, the first."""
    return Parameters(
        W1=W1.detach().mT.numpy().copy(),
        b1=b1.detach()[..., None, :].numpy().copy(),
        W2=W2.detach().mT.numpy().copy(),
        b2=b2.detach()[..., None, :].numpy().copy(),
    )
