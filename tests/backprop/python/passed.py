"""Four numbers that are passed to functions and come back under other names."""

import math


def forward(x, w, v, b, c, y):
    h = 1 / (1 + math.exp(-(w * x + b)))
    p = 1 / (1 + math.exp(-(v * h + c)))
    return w, v, b, c, h, p, (y - p) ** 2


def backward(x, w, v, b, c, h, p, y):
    d = -2 * (y - p) * p * (1 - p)
    e = d * v * h * (1 - h)
    new_w = w - 0.5 * e * x
    new_v = v - 0.5 * d * h
    new_b = b - 0.5 * e
    new_c = c - 0.5 * d
    return new_w, new_v, new_b, new_c


w, v, b, c = 0.4, -0.3, 0.1, 0.2
new_w, new_v, new_b, new_c = w, v, b, c
for epoch in range(40):
    for x, y in ((0.1, 0.9), (0.8, 0.3), (-0.5, 0.6)):
        w, v, b, c, h, p, loss = forward(x, new_w, new_v, new_b, new_c, y)
        new_w, new_v, new_b, new_c = backward(x, w, v, b, c, h, p, y)
print(new_w, new_v, loss)
