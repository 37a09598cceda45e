"""XOR in float64, parameters in a dictionary, momentum."""

import torch

torch.manual_seed(3)
torch.set_default_dtype(torch.float64)
X = torch.tensor([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=torch.float64)
y = torch.tensor([[0.0], [1.0], [1.0], [0.0]])
params = {
    "W1": torch.randn(2, 4),
    "b1": torch.zeros(1, 4),
    "W2": torch.randn(4, 1),
    "b2": torch.zeros(1, 1),
}
velocity = {k: torch.zeros_like(v) for k, v in params.items()}


def forward(X, p):
    h = torch.sigmoid(X @ p["W1"] + p["b1"])
    out = torch.sigmoid(torch.matmul(h, p["W2"]) + p["b2"])
    return h, out


def backward(X, y, h, out, p):
    d_out = 2 * (out - y) / y.numel() * out * (1 - out)
    d_h = torch.mm(d_out, p["W2"].t()) * h * (1 - h)
    return {
        "W1": X.t() @ d_h,
        "b1": torch.sum(d_h, dim=0, keepdim=True),
        "W2": h.t() @ d_out,
        "b2": torch.sum(d_out, dim=0, keepdim=True),
    }


for epoch in range(40):
    h, out = forward(X, params)
    loss = torch.nn.functional.mse_loss(out, y)
    grads = backward(X, y, h, out, params)
    for k in params:
        velocity[k] = 0.9 * velocity[k] + grads[k]
        params[k] = params[k] - 0.5 * velocity[k]
    if epoch % 10 == 0:
        print(epoch, float(loss))
