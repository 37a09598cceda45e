"""Logistic regression on short lists of (feature, value): a step replaces some weights only."""

import math
import random


class Model:
    def __init__(self, rate, features):
        self.rate = rate
        self.weights = [0.0] * features

    def answer(self, sample):
        return 1.0 / (1.0 + math.exp(-math.fsum(self.weights[f] * v for f, v in sample)))

    def fit(self, sample, target):
        error = target - self.answer(sample)
        for f, v in sample:
            self.weights[f] = self.weights[f] + self.rate * (error * v - 0.02 * self.weights[f])


draw = random.Random(0)
data = []
for _ in range(40):
    sample = [(f, round(draw.uniform(0.2, 2.0), 2)) for f in draw.sample(range(6), 3)]
    data.append((sample, float(sum(v for f, v in sample if f < 3) > 2.0)))

model = Model(0.05, 6)
for epoch in range(5):
    loss = 0.0
    for sample, target in data:
        p = model.answer(sample)
        loss -= math.log(p) if target else math.log(1.0 - p)
        model.fit(sample, target)
    print(epoch, loss / len(data))
