"""The same network as a torch module: autograd does the backward pass."""

import torch
from torch import Tensor, nn

from .data import Parameters, check_equal_shapes, initial_weights


class XOR(nn.Module):
    """Inputs, `hidden` sigmoid units, one sigmoid output: float64, the notebook's weights.

    The ``state_dict`` keys are ``hidden.weight, hidden.bias, output.weight, output.bias``.
    ``nn.Linear`` stores the transpose of the notebook's W: use `to_numpy` and `load_numpy`
    to cross between the two layouts.

    Args:
        seed: of NumPy's draws, 0 to 2**32 - 1. Torch's random state is neither used nor moved.
        hidden: number of hidden units, 1 to 4096.
        bits: number of inputs, 1 to 16.

    Raises:
        ValueError: an argument is out of range.

    """

    def __init__(self, seed: int = 42, hidden: int = 2, bits: int = 2) -> None:
        super().__init__()
        weights = initial_weights(seed, hidden, bits)
        # skip_init: nn.Linear would draw weights of its own from torch's global generator
        self.hidden = nn.utils.skip_init(nn.Linear, bits, hidden, dtype=torch.float64)
        self.output = nn.utils.skip_init(nn.Linear, hidden, 1, dtype=torch.float64)
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
        W1, b1, W2, b2 = map(torch.from_numpy, parameters)
        self.hidden.weight.copy_(W1.T)
        self.hidden.bias.copy_(b1[0])
        self.output.weight.copy_(W2.T)
        self.output.bias.copy_(b2[0])

    def to_numpy(self) -> Parameters:
        """A copy of the weights in NumPy layout."""
        return _to_numpy(*self.parameters())

    def gradients(self) -> Parameters:
        """A copy of the gradients of the last ``backward()`` in NumPy layout.

        Raises:
            ValueError: there was no ``backward()`` yet.

        """
        found = [p.grad for p in self.parameters() if p.grad is not None]
        if len(found) < len(Parameters._fields):
            raise ValueError("no gradients yet: call backward() on a loss of this network first")
        return _to_numpy(*found)


def squared_error(prediction: Tensor, y: Tensor) -> Tensor:
    """The SUM of squared errors: the loss whose gradient the notebook follows.

    Args:
        prediction: (N, 1).
        y: targets, (N, 1).

    Returns:
        A tensor of no axes. The notebook prints the N-th part of it, the mean.

    Raises:
        ValueError: the shapes differ; (N, 1) minus (N,) would broadcast to (N, N).

    """
    check_equal_shapes(prediction.shape, y.shape)
    return nn.functional.mse_loss(prediction, y, reduction="sum")


def _to_numpy(W1: Tensor, b1: Tensor, W2: Tensor, b2: Tensor) -> Parameters:
    return Parameters(
        W1=W1.detach().T.numpy().copy(),
        b1=b1.detach()[None, :].numpy().copy(),
        W2=W2.detach().T.numpy().copy(),
        b2=b2.detach()[None, :].numpy().copy(),
    )
