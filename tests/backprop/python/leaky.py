"""Single numbers as attributes of an object, a leaky ReLU, and a sample drawn for each step."""

import random

random.seed(1)
ROWS = [(0.0, 0.0, 0.0), (0.0, 1.0, 1.0), (1.0, 0.0, 1.0), (1.0, 1.0, 0.0)]


def leaky(x):
    if x > 0:
        return x
    return 0.01 * x


def slope(x):
    if x > 0:
        return 1.0
    return 0.01


class Net:
    def __init__(self):
        self.w11, self.w12, self.w21, self.w22 = (random.random() for _ in range(4))
        self.b1 = self.b2 = self.b = 0.1
        self.v1 = random.random()
        self.v2 = random.random()

    def forward(self, x, y):
        self.z1 = self.w11 * x + self.w12 * y + self.b1
        self.z2 = self.w21 * x + self.w22 * y + self.b2
        self.h1 = leaky(self.z1)
        self.h2 = leaky(self.z2)
        self.z = self.v1 * self.h1 + self.v2 * self.h2 + self.b
        return leaky(self.z)

    def step(self, x, y, target, rate):
        d = 2.0 * (self.forward(x, y) - target) * slope(self.z)
        d1 = d * self.v1 * slope(self.z1)
        d2 = d * self.v2 * slope(self.z2)
        self.v1 -= rate * d * self.h1
        self.v2 -= rate * d * self.h2
        self.b -= rate * d
        self.w11 -= rate * d1 * x
        self.w12 -= rate * d1 * y
        self.w21 -= rate * d2 * x
        self.w22 -= rate * d2 * y
        self.b1, self.b2 = self.b1 - rate * d1, self.b2 - rate * d2


net = Net()
errors = []
for _ in range(200):
    net.step(*ROWS[random.randint(0, 3)], 0.1)
    errors.append(sum((net.forward(x, y) - target) ** 2 for x, y, target in ROWS))
print(errors[-1])
