"""A perceptron: an ``if`` chooses its answer, a whole number, as its data and labels are."""

import random

random.seed(4)


class Perceptron:
    def __init__(self, size, rate):
        self.weights = [0] * size
        self.bias = 0
        self.rate = rate

    def answer(self, inputs):
        total = self.bias
        for weight, x in zip(self.weights, inputs):
            total += weight * x
        if total >= 0:
            return 1
        return 0

    def learn(self, inputs, label):
        error = label - self.answer(inputs)
        for i in range(len(self.weights)):
            self.weights[i] += self.rate * error * inputs[i]
        self.bias += self.rate * error
        return abs(error)


rows = [[random.randint(-9, 9), random.randint(-9, 9), 1 + n % 3] for n in range(30)]
labels = [int(2 * a - b + c > 3) for a, b, c in rows]
unit = Perceptron(3, 0.1)
for epoch in range(20):
    wrong = 0
    for row, label in zip(rows, labels):
        wrong += unit.learn(row, label)
    print(epoch, wrong, unit.answer(rows[0]))
    if wrong == 0:
        break
