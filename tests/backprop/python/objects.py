"""Neurons and layers as objects."""

import math
import random


class Neuron:
    def __init__(self, inputs):
        self.weights = [random.uniform(-1, 1) for _ in range(inputs)]
        self.bias = random.uniform(-1, 1)

    def output_of(self, inputs):
        self.inputs = inputs
        self.output = self.squash(sum(w * x for w, x in zip(self.weights, inputs)) + self.bias)
        return self.output

    def squash(self, total):
        return 1 / (1 + math.exp(-total))

    def slope(self):
        return self.output * (1 - self.output)


class Layer:
    def __init__(self, inputs, count):
        self.neurons = [Neuron(inputs) for _ in range(count)]

    def forward(self, inputs):
        return [neuron.output_of(inputs) for neuron in self.neurons]


class Net:
    RATE = 0.5

    def __init__(self, inputs, hidden, outputs):
        self.hidden = Layer(inputs, hidden)
        self.out = Layer(hidden, outputs)

    def train(self, inputs, targets):
        self.out.forward(self.hidden.forward(inputs))
        deltas = [0] * len(self.out.neurons)
        for o, neuron in enumerate(self.out.neurons):
            deltas[o] = -(targets[o] - neuron.output) * neuron.slope()
        hidden_deltas = [0] * len(self.hidden.neurons)
        for h, neuron in enumerate(self.hidden.neurons):
            error = 0
            for o in range(len(self.out.neurons)):
                error += deltas[o] * self.out.neurons[o].weights[h]
            hidden_deltas[h] = error * neuron.slope()
        for layer, ds in ((self.out, deltas), (self.hidden, hidden_deltas)):
            for neuron, delta in zip(layer.neurons, ds):
                for w in range(len(neuron.weights)):
                    neuron.weights[w] -= self.RATE * delta * neuron.inputs[w]
                neuron.bias -= self.RATE * delta


random.seed(0)
net = Net(2, 3, 1)
samples = [([0, 0], [0]), ([0, 1], [1]), ([1, 0], [1]), ([1, 1], [0])]
for _ in range(200):
    inputs, targets = random.choice(samples)
    net.train(inputs, targets)
print(net.hidden.neurons[0].weights, net.out.neurons[0].bias)
