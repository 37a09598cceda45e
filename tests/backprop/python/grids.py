"""A line of numbers in a class that is a list, with arithmetic of its own."""

import random

random.seed(4)


class Grid(list):
    def __add__(self, other):
        return Grid([[a + b for a, b in zip(r, s)] for r, s in zip(self, other)])

    __iadd__ = __add__

    def __mul__(self, number):
        return Grid([[number * a for a in row] for row in self])

    def __setitem__(self, at, value):
        if isinstance(at, tuple):
            self[at[0]][at[1]] = value
        else:
            super().__setitem__(at, value)

    def dot(self, column):
        return Grid([[sum(a * b[0] for a, b in zip(row, column))] for row in self])

    def turned(self):
        return Grid([list(column) for column in zip(*self)])


x = Grid([[0, 0, 1], [1, 1, 1], [1, 0, 1], [0, 1, 1]])
y = Grid([[0.1], [0.7], [0.9], [-0.2]])
w = Grid([[random.uniform(-1, 1)] for _ in range(3)])
for _ in range(40):
    error = y + x.dot(w) * -1
    w += x.turned().dot(error) * 0.1
print(w)
