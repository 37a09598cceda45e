"""Logistic regression on words: each sample changes the weights of its own words only.

It prints the log-likelihood, which the steps go up.
"""

import math
from collections import defaultdict

data = [
    ({"good": 1, "film": 1}, 1),
    ({"bad": 1, "film": 1}, 0),
    ({"great": 2, "plot": 1}, 1),
    ({"awful": 1, "plot": 2}, 0),
]
weights = defaultdict(float)
bias = 0.0
for epoch in range(20):
    likelihood = 0.0
    for words, label in data:
        z = bias + sum(weights[word] * n for word, n in words.items())
        p = 1 / (1 + math.exp(-z))
        likelihood += math.log(p if label else 1 - p)
        for word, n in words.items():
            weights[word] += 0.3 * (label - p) * n
        bias += 0.3 * (label - p)
    print(likelihood)
