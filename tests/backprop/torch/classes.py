"""Layers as classes, each with a forward and a backward pass; ReLU and softmax."""

import torch

torch.manual_seed(1)


class Linear:
    def __init__(self, n_in, n_out):
        self.weight = torch.randn(n_in, n_out) / n_in**0.5
        self.bias = torch.zeros(n_out)

    def __call__(self, x):
        self.x = x
        return x @ self.weight + self.bias

    def backward(self, dout):
        self.dweight = self.x.T @ dout
        self.dbias = dout.sum(dim=0)
        return dout @ self.weight.T


class ReLU:
    def __call__(self, x):
        self.mask = x > 0
        return x * self.mask

    def backward(self, dout):
        return dout * self.mask


class SoftmaxLoss:
    def __call__(self, logits, labels):
        shifted = logits - logits.max(dim=1, keepdim=True).values
        self.probs = shifted.exp() / shifted.exp().sum(dim=1, keepdim=True)
        self.labels = labels
        return -self.probs[torch.arange(len(labels)), labels].log().mean()

    def backward(self):
        grad = self.probs.clone()
        grad[torch.arange(len(self.labels)), self.labels] -= 1.0
        return grad / len(self.labels)


x = torch.randn(20, 4)
labels = (x[:, 0] + x[:, 1] ** 2 > 0.5).long() + (x[:, 2] > 1).long()
layers = [Linear(4, 8), ReLU(), Linear(8, 6), ReLU(), Linear(6, 3)]
criterion = SoftmaxLoss()

for epoch in range(25):
    out = x
    for layer in layers:
        out = layer(out)
    loss = criterion(out, labels)
    grad = criterion.backward()
    for layer in reversed(layers):
        grad = layer.backward(grad)
    for layer in layers:
        if isinstance(layer, Linear):
            layer.weight -= 0.2 * layer.dweight
            layer.bias -= 0.2 * layer.dbias
    if epoch % 5 == 0:
        print(f"epoch {epoch}, loss {loss:.4f}")
