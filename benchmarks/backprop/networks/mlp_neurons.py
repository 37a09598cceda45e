# Without matrices: a loop for each neuron and each weight. XOR with a gap, one sample at a time.
import numpy as np

np.random.seed(31)
samples = [([0.1, 0.0], 0), ([0.0, 0.9], 1), ([1.0, 0.1], 1), ([0.9, 1.0], 0)]
n_in, n_hid = 2, 3

w_ih = np.random.uniform(-1, 1, (n_hid, n_in))
b_h = np.random.uniform(-1, 1, n_hid)
w_ho = np.random.uniform(-1, 1, n_hid)
b_o = np.random.uniform(-1, 1, 1)
eta = 0.5

for sweep in range(10):
    error = 0.0
    for inputs, target in samples:
        hidden = np.zeros(n_hid)
        for j in range(n_hid):
            total = b_h[j]
            for i in range(n_in):
                total = total + w_ih[j, i] * inputs[i]
            hidden[j] = 1.0 / (1.0 + np.exp(-total))
        total = b_o[0]
        for j in range(n_hid):
            total = total + w_ho[j] * hidden[j]
        output = 1.0 / (1.0 + np.exp(-total))
        loss = 0.5 * (target - output) ** 2
        error = error + loss

        delta_o = (target - output) * output * (1 - output)
        delta_h = np.zeros(n_hid)
        for j in range(n_hid):
            delta_h[j] = delta_o * w_ho[j] * hidden[j] * (1 - hidden[j])

        for j in range(n_hid):
            w_ho[j] += eta * delta_o * hidden[j]
            for i in range(n_in):
                w_ih[j, i] += eta * delta_h[j] * inputs[i]
            b_h[j] += eta * delta_h[j]
        b_o[0] += eta * delta_o
    print("sweep", sweep, "error", error)
