import numpy as np


class NeuralNetwork:
    def __init__(self, n_input, n_hidden, n_output, learning_rate=0.5):
        np.random.seed(1)
        self.learning_rate = learning_rate
        self.l2 = 0.002
        self.weights_ih = np.random.uniform(-1, 1, (n_input, n_hidden))
        self.bias_h = np.random.uniform(-1, 1, (1, n_hidden))
        self.weights_ho = np.random.uniform(-1, 1, (n_hidden, n_output))
        self.bias_o = np.random.uniform(-1, 1, (1, n_output))

    def sigmoid(self, x):
        return 1 / (1 + np.exp(-x))

    def sigmoid_derivative(self, s):
        return s * (1 - s)

    def forward(self, X):
        self.hidden_in = np.dot(X, self.weights_ih) + self.bias_h
        self.hidden = self.sigmoid(self.hidden_in)
        self.output_in = np.dot(self.hidden, self.weights_ho) + self.bias_o
        self.output = self.sigmoid(self.output_in)
        return self.output

    def backward(self, X, y):
        output_error = y - self.output
        output_delta = output_error * self.sigmoid_derivative(self.output)
        hidden_error = output_delta.dot(self.weights_ho.T)
        hidden_delta = hidden_error * self.sigmoid_derivative(self.hidden)

        step_ho = self.hidden.T.dot(output_delta) - self.l2 * self.weights_ho
        self.weights_ho += self.learning_rate * step_ho
        self.bias_o += self.learning_rate * np.sum(output_delta, axis=0, keepdims=True)
        step_ih = X.T.dot(hidden_delta) - self.l2 * self.weights_ih
        self.weights_ih += self.learning_rate * step_ih
        self.bias_h += self.learning_rate * np.sum(hidden_delta, axis=0, keepdims=True)

    def loss(self, y):
        squares = np.sum(self.weights_ih ** 2) + np.sum(self.weights_ho ** 2)
        return (np.sum((y - self.output) ** 2) + self.l2 * squares) / 2

    def train(self, X, y, epochs):
        for epoch in range(epochs):
            self.forward(X)
            loss = self.loss(y)
            self.backward(X, y)
            if epoch % 1000 == 0:
                print("loss:", loss)


X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=float)
y = np.array([[0], [1], [1], [0]], dtype=float)

nn = NeuralNetwork(2, 4, 1)
nn.train(X, y, epochs=10000)
print(nn.forward(X))
