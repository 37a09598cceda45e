"""Two layers without biases, as in torch's tutorial on tensors: all gradients by hand."""

import torch

torch.manual_seed(0)
n, d_in, d_hidden, d_out = 12, 5, 7, 3
x = torch.randn(n, d_in)
y = torch.randn(n, d_out)
w1 = torch.randn(d_in, d_hidden)
w2 = torch.randn(d_hidden, d_out)

learning_rate = 1e-3
for t in range(30):
    h = x.mm(w1)
    h_relu = h.clamp(min=0)
    y_pred = h_relu.mm(w2)
    loss = (y_pred - y).pow(2).sum().item()
    if t % 10 == 9:
        print(t, loss)

    grad_y_pred = 2.0 * (y_pred - y)
    grad_w2 = h_relu.t().mm(grad_y_pred)
    grad_h_relu = grad_y_pred.mm(w2.t())
    grad_h = grad_h_relu.clone()
    grad_h[h < 0] = 0
    grad_w1 = x.t().mm(grad_h)

    w1 -= learning_rate * grad_w1
    w2 -= learning_rate * grad_w2
