"""A network of neurons as dictionaries, one sample at a time."""

from math import exp
from random import random, seed


def make_layer(inputs, neurons):
    return [{"weights": [random() for _ in range(inputs + 1)]} for _ in range(neurons)]


def make_network(sizes):
    network = list()
    for inputs, neurons in zip(sizes, sizes[1:]):
        network.append(make_layer(inputs, neurons))
    return network


def activate(weights, inputs):
    total = weights[-1]
    for i in range(len(weights) - 1):
        total += weights[i] * inputs[i]
    return total


def forward(network, row):
    inputs = row
    for layer in network:
        outputs = []
        for neuron in layer:
            neuron["output"] = 1.0 / (1.0 + exp(-activate(neuron["weights"], inputs)))
            outputs.append(neuron["output"])
        inputs = outputs
    return inputs


def slope(output):
    return output * (1.0 - output)


def backward(network, expected):
    for i in reversed(range(len(network))):
        layer, errors = network[i], []
        if i != len(network) - 1:
            for j in range(len(layer)):
                error = 0.0
                for neuron in network[i + 1]:
                    error += neuron["weights"][j] * neuron["delta"]
                errors.append(error)
        else:
            for j, neuron in enumerate(layer):
                errors.append(expected[j] - neuron["output"])
        for j, neuron in enumerate(layer):
            neuron["delta"] = errors[j] * slope(neuron["output"])


def update(network, row, rate):
    for i, layer in enumerate(network):
        inputs = row[:-1]
        if i:
            inputs = [neuron["output"] for neuron in network[i - 1]]
        for neuron in layer:
            for j in range(len(inputs)):
                neuron["weights"][j] += rate * neuron["delta"] * inputs[j]
            neuron["weights"][-1] += rate * neuron["delta"]


def train(network, rows, rate, epochs, classes):
    for epoch in range(epochs):
        wrong = 0
        for row in rows:
            outputs = forward(network, row)
            expected = [0 for _ in range(classes)]
            expected[row[-1]] = 1
            wrong += sum((expected[i] - outputs[i]) ** 2 for i in range(classes))
            backward(network, expected)
            update(network, row, rate)
        if epoch % 10 == 0:
            print(f"> epoch={epoch} error={wrong:.3f}")


seed(1)
rows = [
    [2.78, 2.55, 0], [1.46, 2.36, 0], [3.39, 4.4, 0], [1.38, 1.85, 0], [3.06, 3.0, 0],
    [7.62, 2.75, 1], [5.33, 2.08, 1], [6.92, 1.77, 1], [8.67, -0.24, 1], [7.67, 3.5, 1],
]  # fmt: skip
network = make_network([2, 2, 2])
train(network, rows, 0.5, 20, 2)
for layer in network:
    print(layer)
