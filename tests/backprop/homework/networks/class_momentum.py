import numpy as np


class NeuralNetwork:
    def __init__(self, n_input, n_hidden, n_output, learning_rate=0.5):
        np.random.seed(1)
        self.learning_rate = learning_rate
        self.weights_ih = np.random.uniform(-1, 1, (n_input, n_hidden))
        self.bias_h = np.random.uniform(-1, 1, (1, n_hidden))
        self.weights_ho = np.random.uniform(-1, 1, (n_hidden, n_output))
        self.bias_o = np.random.uniform(-1, 1, (1, n_output))
        self.momentum = 0.5
        self.last_ih = np.zeros_like(self.weights_ih)
        self.last_h = np.zeros_like(self.bias_h)
        self.last_ho = np.zeros_like(self.weights_ho)
        self.last_o = np.zeros_like(self.bias_o)

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

        change_ho = self.learning_rate * self.hidden.T.dot(output_delta)
        change_o = self.learning_rate * output_delta.sum(axis=0, keepdims=True)
        change_ih = self.learning_rate * X.T.dot(hidden_delta)
        change_h = self.learning_rate * hidden_delta.sum(axis=0, keepdims=True)

        self.last_ho = change_ho + self.momentum * self.last_ho
        self.last_o = change_o + self.momentum * self.last_o
        self.last_ih = change_ih + self.momentum * self.last_ih
        self.last_h = change_h + self.momentum * self.last_h

        self.weights_ho += self.last_ho
        self.bias_o += self.last_o
        self.weights_ih += self.last_ih
        self.bias_h += self.last_h

    def train(self, X, y, epochs):
        for epoch in range(epochs):
            self.forward(X)
            self.backward(X, y)
            if epoch % 1000 == 0:
                print("loss:", np.mean(np.square(y - self.output)))


X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=float)
y = np.array([[0], [1], [1], [0]], dtype=float)

nn = NeuralNetwork(2, 4, 1)
nn.train(X, y, epochs=10000)
print(nn.forward(X))
