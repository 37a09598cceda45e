"""A small engine of values that know their derivative, and a network of them."""

import math
import random


class Value:
    def __init__(self, data, parents=()):
        self.data = data
        self.grad = 0.0
        self.parents = parents
        self.backward_step = lambda: None

    def __add__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        out = Value(self.data + other.data, (self, other))

        def step():
            self.grad += out.grad
            other.grad += out.grad

        out.backward_step = step
        return out

    def __mul__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        out = Value(self.data * other.data, (self, other))

        def step():
            self.grad += other.data * out.grad
            other.grad += self.data * out.grad

        out.backward_step = step
        return out

    def tanh(self):
        out = Value(math.tanh(self.data), (self,))

        def step():
            self.grad += (1 - out.data**2) * out.grad

        out.backward_step = step
        return out

    def backward(self):
        order, seen = [], set()

        def visit(v):
            if v not in seen:
                seen.add(v)
                for p in v.parents:
                    visit(p)
                order.append(v)

        visit(self)
        self.grad = 1.0
        for v in reversed(order):
            v.backward_step()


class Neuron:
    def __init__(self, n):
        self.w = [Value(random.uniform(-1, 1)) for _ in range(n)]
        self.b = Value(0.1)

    def __call__(self, x):
        total = self.b
        for wi, xi in zip(self.w, x):
            total = total + wi * xi
        return total.tanh()

    def parameters(self):
        return self.w + [self.b]


class Net:
    def __init__(self, n, hidden):
        self.hidden = [Neuron(n) for _ in range(hidden)]
        self.out = Neuron(hidden)

    def __call__(self, x):
        return self.out([neuron(x) for neuron in self.hidden])

    def parameters(self):
        return [p for n in [*self.hidden, self.out] for p in n.parameters()]


random.seed(6)
net = Net(2, 3)
xs = [[2.0, 3.0], [-1.0, 0.5], [1.0, 1.0], [-0.5, -1.0]]
ys = [1.0, -1.0, -1.0, 1.0]
for k in range(20):
    loss = Value(0.0)
    for x, y in zip(xs, ys):
        error = net(x) + (-y)
        loss = loss + error * error
    for p in net.parameters():
        p.grad = 0.0
    loss.backward()
    for p in net.parameters():
        p.data -= 0.05 * p.grad
print(loss.data, net.out.b.data)
