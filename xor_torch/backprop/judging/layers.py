"""The layers of a forward pass: linear maps and the activations that follow them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import torch
from torch.nn.functional import leaky_relu

from ..operations import JOINS, PARTS, PRODUCTS
from .points import Bench, View

Tensor = torch.Tensor
Function = Callable[[Tensor], Tensor]


@dataclass
class Layer:
    """A linear map of the forward pass, and what follows it."""

    number: int
    z: int  # its value, bias included
    a: int  # after the activation: what the next layer reads, or the prediction
    x: int  # what it reads
    weights: list[int]  # numbers of parameters
    biases: list[int]
    activation: str = "another function"


ACTIVATIONS: dict[str, Function] = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "linear": lambda z: z,
    "softmax": partial(torch.softmax, dim=-1),
    "softmax over the first axis": partial(torch.softmax, dim=0),
    **{
        f"leaky relu ({slope:g})": partial(leaky_relu, negative_slope=slope)
        for slope in (0.01, 0.1, 0.2, 0.001)
    },
}


def activation(z: list[Tensor], a: list[Tensor]) -> str:
    """The name of the function that makes a of z at every point."""
    if not z or any(x.shape != y.shape for x, y in zip(z, a, strict=True)):
        return "another function"
    for name, f in ACTIVATIONS.items():
        if all(torch.allclose(f(x), y, rtol=1e-9, atol=1e-12) for x, y in zip(z, a, strict=True)):
            return name.partition(" over")[0]
    return "another function"


def find_layers(bench: Bench, k: int, forward: set[int], prediction: int | None) -> list[Layer]:
    """The layers, first to last; empty if they do not follow each other in a row.

    Args:
        bench: the network.
        k: the step.
        forward: what the objective is computed from.
        prediction: what the loss is a function of, if it is known.

    """
    view, nodes = bench.view(k), bench.tape.nodes
    # a step may begin before the last update of the step before it
    order = sorted(n for n in forward if n > max(view.starts))
    users: dict[int, list[int]] = {}
    for n in order:
        for i in nodes[n].inputs:
            users.setdefault(i, []).append(n)
    products, adds = _uses(view, users)

    def goes_on(z: int, user: int) -> bool:
        """Is it a part of the same linear map: a sum of its terms, a bias that is added?"""
        op, others = nodes[user].op, [i for i in nodes[user].inputs if i != z]
        terms = [i in products or nodes[i].op in ("add", "sum", "multiply") for i in others]
        added = user in adds or forward.isdisjoint(others) or (op == "add" and any(terms))
        return op == "sum" or (op in ("add", "subtract") and added)

    layers: list[Layer] = []
    for product, weights in sorted(products.items()):
        z, biases = product, list[int]()
        while following := [user for user in users.get(z, ()) if goes_on(z, user)]:
            z = following[0]
            biases += adds.get(z, [])
        x = next(
            (i for i in nodes[product].inputs if bench.tape.origin(i, PARTS) not in view.begin),
            product,
        )
        if layers and layers[-1].z == z:
            layers[-1].weights += [w for w in weights if w not in layers[-1].weights]
        else:
            layers.append(Layer(len(layers) + 1, z, z, x, list(weights), biases))
    for layer, after in zip(layers, [*layers, None][1:], strict=True):
        if after is not None:
            layer.a = _read(view, after.x, layer.z)
        elif prediction is not None:
            layer.a = prediction
        points = [p for p in bench.points if p.step == k and {layer.z, layer.a} <= p.values.keys()]
        # of numbers that are all positive, the same numbers would be those of a relu, too
        layer.activation = (
            "linear"
            if bench.tape.origin(layer.a) == layer.z
            else activation(
                [p.values[layer.z].detach().double() for p in points],
                [p.values[layer.a].detach().double() for p in points],
            )
        )
    in_a_row = all(a.z in view.behind([b.x]) for a, b in pairwise(layers))
    return layers if in_a_row else []


def _uses(
    view: View, users: dict[int, list[int]]
) -> tuple[dict[int, list[int]], dict[int, list[int]]]:
    """Which parameters each product, and each sum, is made of."""
    nodes = view.tape.nodes
    products: dict[int, list[int]] = {}
    adds: dict[int, list[int]] = {}
    for begin, number in view.begin.items():
        stack = [begin]
        while stack:
            for user in users.get(stack.pop(), ()):
                if nodes[user].op in PARTS:
                    stack.append(user)
                elif nodes[user].op in PRODUCTS or nodes[user].op == "multiply":
                    products.setdefault(user, []).append(number)
                elif nodes[user].op in ("add", "subtract"):
                    adds.setdefault(user, []).append(number)
    return products, adds


def _read(view: View, x: int, z: int) -> int:
    """The value that the next layer reads, before it is transposed or gets a column of ones."""
    nodes = view.tape.nodes
    while nodes[x].op in PARTS or nodes[x].op in JOINS:
        inside = [i for i in nodes[x].inputs if (i in view.inside and i > z) or i == z]
        if not inside:
            break
        x = inside[0]
    return x
