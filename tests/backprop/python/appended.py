"""Lists that are filled by append, a matrix class, delta rule, weights next to their bias."""

import math
import random


class Matrix:
    def __init__(self, rows, columns):
        self.rows, self.columns = rows, columns
        self.data = []
        for _ in range(rows):
            row = []
            for _ in range(columns):
                row.append(random.random() * 2 - 1)
            self.data.append(row)

    def times(self, vector):
        result = []
        for i in range(self.rows):
            total = 0
            for j in range(self.columns):
                total += self.data[i][j] * vector[j]
            result.append(total)
        return result


random.seed(12)
first, second = Matrix(3, 3), Matrix(1, 4)
examples = []
for a in (0, 1):
    for b in (0, 1):
        examples.append(([a, b, 1], a ^ b))
for epoch in range(25):
    random.shuffle(examples)
    for x, y in examples:
        hidden = [1 / (1 + math.exp(-s)) for s in first.times(x)]
        hidden.append(1.0)
        (z,) = second.times(hidden)
        out = 1 / (1 + math.exp(-z))
        d = (out - y) * out * (1 - out)
        back = []
        for i in range(3):
            back.append(d * second.data[0][i] * hidden[i] * (1 - hidden[i]))
        for i in range(4):
            second.data[0][i] -= 0.4 * d * hidden[i]
        for i in range(3):
            for j in range(3):
                first.data[i][j] -= 0.4 * back[i] * x[j]
print(first.data, second.data)
