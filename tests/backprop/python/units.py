"""Units are lists: the output of the unit, and after it its weights."""

import math
import random

random.seed(6)
hidden = [[None] + [random.uniform(-1, 1) for _ in range(3)] for _ in range(4)]
output = [[None] + [random.uniform(-1, 1) for _ in range(5)] for _ in range(2)]


def run(layer, inputs):
    for unit in layer:
        unit[0] = math.tanh(sum(w * x for w, x in zip(unit[1:], inputs + [1.0])))
    return [unit[0] for unit in layer]


for epoch in range(12):
    for row, targets in (([0, 1], [1, 0]), ([1, 0], [1, 0]), ([1, 1], [0, 1])):
        h = run(hidden, row)
        y = run(output, h)
        above = [(t - p) * (1 - p**2) for t, p in zip(targets, y)]
        below = [
            (1 - h[j] ** 2) * sum(d * unit[1 + j] for d, unit in zip(above, output))
            for j in range(4)
        ]
        for layer, deltas, inputs in ((output, above, h + [1.0]), (hidden, below, row + [1.0])):
            for unit, d in zip(layer, deltas):
                for i, x in enumerate(inputs):
                    unit[1 + i] += 0.2 * d * x
print(hidden, output)
