"""One weight, which goes up a log-likelihood."""

import math

data = [(0.5, 1), (-1.0, 0), (2.0, 1), (-0.3, 1), (0.1, 0)]
w = 0.1
for _ in range(20):
    likelihood = slope = 0.0
    for x, y in data:
        p = 1 / (1 + math.exp(-w * x))
        likelihood += math.log(p if y else 1 - p)
        slope += (y - p) * x
    w += 0.1 * slope
print(w, likelihood)
