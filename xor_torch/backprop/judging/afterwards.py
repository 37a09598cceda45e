"""A loss that the script computes after the update, as it is before it.

``w -= rate * gradient(x, y)`` and then ``loss(x, y)``: the next sample has another loss, so in no
step are a loss and a gradient of the same data computed at the same parameters.
"""

from dataclasses import replace
from itertools import pairwise

from ..tape import Tape, with_refs
from .steps import Network, Step


def computed_before(tape: Tape, network: Network) -> tuple[Tape, Network] | None:
    """The same steps with what comes after each of them, computed with the old parameters, too.

    None if nothing that makes no update is computed between two steps.
    """
    nodes, steps = [*tape.nodes], list[Step]()
    for step, following in pairwise(network.steps):
        inside, made = {*following.nodes}, dict[int, int]()  # a value -> the same, before
        if all(n == step.end[i] for i, n in following.start.items()):
            made = {n: step.start[i] for i, n in following.start.items()}
        needed = tape.behind(following.end.values(), inside) if made else inside
        for n in following.nodes:
            if n not in needed and all(i in made for i in nodes[n].inputs if i in inside):
                made[n], node = len(nodes), nodes[n]
                args, kwargs = with_refs(node.args, made), with_refs(node.kwargs, made)
                nodes.append(replace(node, id=made[n], args=args, kwargs=kwargs, value=None))
        steps.append(Step(step.start, step.end, sorted({*step.nodes, *made.values()})))
    if len(nodes) == len(tape.nodes):
        return None
    return tape.with_nodes(nodes), replace(network, steps=steps)
