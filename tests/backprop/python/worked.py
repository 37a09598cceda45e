"""The worked example with two inputs, two hidden neurons and two outputs, all in names."""

import math

i1, i2 = 0.05, 0.10
o1_wanted, o2_wanted = 0.01, 0.99
w1, w2, w3, w4 = 0.15, 0.20, 0.25, 0.30
w5, w6, w7, w8 = 0.40, 0.45, 0.50, 0.55
b1 = 0.35
b2 = 0.60
rate = 0.5


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


for n in range(60):
    h1 = sigmoid(w1 * i1 + w2 * i2 + b1)
    h2 = sigmoid(w3 * i1 + w4 * i2 + b1)
    o1 = sigmoid(w5 * h1 + w6 * h2 + b2)
    o2 = sigmoid(w7 * h1 + w8 * h2 + b2)
    error = 0.5 * (o1_wanted - o1) ** 2 + 0.5 * (o2_wanted - o2) ** 2
    d1 = (o1 - o1_wanted) * o1 * (1 - o1)
    d2 = (o2 - o2_wanted) * o2 * (1 - o2)
    e1 = (d1 * w5 + d2 * w7) * h1 * (1 - h1)
    e2 = (d1 * w6 + d2 * w8) * h2 * (1 - h2)
    w5 = w5 - rate * d1 * h1
    w6 = w6 - rate * d1 * h2
    w7 = w7 - rate * d2 * h1
    w8 = w8 - rate * d2 * h2
    w1 = w1 - rate * e1 * i1
    w2 = w2 - rate * e1 * i2
    w3 = w3 - rate * e2 * i1
    w4 = w4 - rate * e2 * i2
    b2 = b2 - rate * (d1 + d2)
    b1 = b1 - rate * (e1 + e2)
print(error, w1, w8)
