// The network by hand, as in xor_torch/manual.py: forward, backward, one step.
//
//     z1 = X W1 + b1      a1 = sigmoid(z1)
//     z2 = a1 W2 + b2     a2 = sigmoid(z2)      the prediction
//
// A matrix is an array of rows. X is (4, 2), one row for each pattern; W1 is (2, hidden), b1 is
// (1, hidden), W2 is (hidden, 1), b2 is (1, 1). Every number is a float64: JavaScript has no other.
"use strict";

const X = [[0, 0], [0, 1], [1, 0], [1, 1]];
const Y = [[0], [1], [1], [0]];

const sigmoid = (z) => 1 / (1 + Math.exp(-z));
const sigmoidDerivative = (a) => a * (1 - a); // from the VALUE a = sigmoid(z), not from z

function forward(X, { W1, b1, W2, b2 }) {
  const z1 = addRow(dot(X, W1), b1); // (N, 2) (2, hidden) -> (N, hidden)
  const a1 = map(sigmoid, z1);
  const z2 = addRow(dot(a1, W2), b2); // (N, hidden) (hidden, 1) -> (N, 1)
  const a2 = map(sigmoid, z2);
  return { z1, a1, z2, a2 };
}

// Every gradient, of the loss summed over the rows. dv has the shape of v.
function backward(X, y, { W2 }, { a1, a2 }, loss = "mse") {
  let da2, dz2;
  if (loss === "mse") {
    da2 = map((a, t) => 2 * (a - t), a2, y); // (N, 1)
    dz2 = map((d, a) => d * sigmoidDerivative(a), da2, a2); // (N, 1)
  } else { // cross-entropy: the factor a2 (1 - a2) cancels
    da2 = map((a, t) => (a - t) / sigmoidDerivative(a), a2, y);
    dz2 = map((a, t) => a - t, a2, y);
  }
  const dW2 = dot(transpose(a1), dz2); // (hidden, N) (N, 1) -> (hidden, 1)
  const db2 = sumRows(dz2); // (1, 1)
  const da1 = dot(dz2, transpose(W2)); // (N, 1) (1, hidden) -> (N, hidden)
  const dz1 = map((d, a) => d * sigmoidDerivative(a), da1, a1); // (N, hidden)
  const dW1 = dot(transpose(X), dz1); // (2, N) (N, hidden) -> (2, hidden)
  const db1 = sumRows(dz1); // (1, hidden)
  return { da2, dz2, dW2, db2, da1, dz1, dW1, db1 };
}

// One step of descent: W - lr * velocity. Without momentum the velocity is the gradient.
function descend({ W1, b1, W2, b2 }, velocity, { dW1, db1, dW2, db2 }, lr, momentum) {
  let v = { W1: dW1, b1: db1, W2: dW2, b2: db2 };
  if (momentum) {
    const faster = (before, gradient) => momentum * before + gradient;
    v = {
      W1: map(faster, velocity.W1, dW1), b1: map(faster, velocity.b1, db1),
      W2: map(faster, velocity.W2, dW2), b2: map(faster, velocity.b2, db2),
    };
  }
  const move = (w, speed) => w - lr * speed;
  const parameters = { W1: map(move, W1, v.W1), b1: map(move, b1, v.b1), W2: map(move, W2, v.W2), b2: map(move, b2, v.b2) };
  return { parameters, velocity: v };
}

// The loss that is printed: the mean of the squared errors.
function meanSquaredError(a2, y) {
  let total = 0;
  for (let n = 0; n < a2.length; n++) total += (y[n][0] - a2[n][0]) ** 2;
  return total / a2.length;
}

// The loss that descent follows: the SUM over the rows, of squared errors or of cross-entropy.
function followedLoss({ z2, a2 }, y, loss) {
  if (loss === "mse") return sum(a2.map(([a], n) => (a - y[n][0]) ** 2));
  // -(y log a2 + (1 - y) log(1 - a2)), written in z2 so that no logarithm of 0 is taken
  return sum(z2.map(([z], n) => Math.max(z, 0) - z * y[n][0] + Math.log1p(Math.exp(-Math.abs(z)))));
}

// The little of NumPy that is needed above.

function dot(A, B) {
  const result = [];
  for (const row of A) {
    const out = [];
    for (let j = 0; j < B[0].length; j++) {
      let total = 0;
      for (let k = 0; k < row.length; k++) total += row[k] * B[k][j];
      out.push(total);
    }
    result.push(out);
  }
  return result;
}

// f for each element of A, or for each pair of elements of A and B, which have the same shape.
function map(f, A, B) {
  const result = [];
  for (let i = 0; i < A.length; i++) {
    const out = [];
    for (let j = 0; j < A[i].length; j++) out.push(B ? f(A[i][j], B[i][j]) : f(A[i][j]));
    result.push(out);
  }
  return result;
}

function addRow(A, [b]) {
  return A.map((row) => {
    const out = [];
    for (let j = 0; j < b.length; j++) out.push(row[j] + b[j]);
    return out;
  });
}

function transpose(A) {
  const result = [];
  for (let j = 0; j < A[0].length; j++) {
    const out = [];
    for (let i = 0; i < A.length; i++) out.push(A[i][j]);
    result.push(out);
  }
  return result;
}

function sumRows(A) {
  const out = [];
  for (let j = 0; j < A[0].length; j++) {
    let total = 0;
    for (let i = 0; i < A.length; i++) total += A[i][j];
    out.push(total);
  }
  return [out];
}

const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);
