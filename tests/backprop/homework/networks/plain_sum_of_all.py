import numpy as np

# XOR: four samples, two features, one target each
X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
y = np.array([[0], [1], [1], [0]])

np.random.seed(42)
n_hidden = 4

# weights and biases of the two layers
W1 = np.random.randn(2, n_hidden)
b1 = np.zeros((1, n_hidden))
W2 = np.random.randn(n_hidden, 1)
b2 = np.zeros((1, 1))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


# expects the sigmoid's output, not its input
def sigmoid_derivative(output):
    return output * (1 - output)


lr = 0.1
epochs = 10000

for epoch in range(epochs):
    # forward pass
    hidden_input = np.dot(X, W1) + b1
    hidden_output = sigmoid(hidden_input)
    final_input = np.dot(hidden_output, W2) + b2
    y_pred = sigmoid(final_input)

    # mean squared error
    loss = np.mean((y - y_pred) ** 2)

    # backward pass
    d_loss = 2 * (y_pred - y)
    d_final = d_loss * sigmoid_derivative(y_pred)
    d_W2 = np.dot(hidden_output.T, d_final)
    d_b2 = np.sum(d_final)
    d_hidden = np.dot(d_final, W2.T) * sigmoid_derivative(hidden_output)
    d_W1 = np.dot(X.T, d_hidden)
    d_b1 = np.sum(d_hidden, axis=0, keepdims=True)

    # gradient descent
    W2 -= lr * d_W2
    b2 -= lr * d_b2
    W1 -= lr * d_W1
    b1 -= lr * d_b1

    if epoch % 1000 == 0:
        print(f"Epoch {epoch}, loss {loss:.4f}")

print("Predictions after training:")
print(y_pred.round(3))
