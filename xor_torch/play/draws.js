// Initial weights: NumPy's own draws, which Python has put into the page.
"use strict";

// 24 numbers for each seed, as randn draws them after np.random.seed(seed). They are one stream, so
// the first 2 * hidden are W1 row by row, and the next `hidden` are W2, for any width up to 8.
const DRAWS = fromBase64(EMBEDDED.draws);
const DRAWS_PER_SEED = 24;
const SEEDS = DRAWS.length / DRAWS_PER_SEED;
const MOST_HIDDEN = DRAWS_PER_SEED / 3;

function initialWeights(seed, hidden) {
  const drawn = DRAWS.subarray(seed * DRAWS_PER_SEED, (seed + 1) * DRAWS_PER_SEED);
  const flat = new Float64Array(countOf(hidden)); // biases are zero
  flat.set(drawn.subarray(0, 2 * hidden), 0);
  flat.set(drawn.subarray(2 * hidden, 3 * hidden), 3 * hidden);
  return unflatten(flat, hidden);
}

// All weights in one array: W1 row by row, b1, W2, b2.

const countOf = (hidden) => 4 * hidden + 1;

function flatten({ W1, b1, W2, b2 }, flat = new Float64Array(countOf(b1[0].length)), at = 0) {
  const hidden = b1[0].length;
  for (let j = 0; j < hidden; j++) {
    flat[at + j] = W1[0][j];
    flat[at + hidden + j] = W1[1][j];
    flat[at + 2 * hidden + j] = b1[0][j];
    flat[at + 3 * hidden + j] = W2[j][0];
  }
  flat[at + 4 * hidden] = b2[0][0];
  return flat;
}

function unflatten(flat, hidden) {
  const W1 = [[], []], b1 = [[]], W2 = [];
  for (let j = 0; j < hidden; j++) {
    W1[0].push(flat[j]);
    W1[1].push(flat[hidden + j]);
    b1[0].push(flat[2 * hidden + j]);
    W2.push([flat[3 * hidden + j]]);
  }
  return { W1, b1, W2, b2: [[flat[4 * hidden]]] };
}

// What the numbers of a flat array are called, and what they connect.
function describeWeights(hidden) {
  const units = [...Array(hidden).keys()];
  return [
    ...units.map((j) => ({ name: `W1[0,${j}]`, kind: "W1", from: 0, unit: j, words: `from x0 to hidden ${j + 1}` })),
    ...units.map((j) => ({ name: `W1[1,${j}]`, kind: "W1", from: 1, unit: j, words: `from x1 to hidden ${j + 1}` })),
    ...units.map((j) => ({ name: `b1[0,${j}]`, kind: "b1", unit: j, words: `bias of hidden ${j + 1}` })),
    ...units.map((j) => ({ name: `W2[${j},0]`, kind: "W2", unit: j, words: `from hidden ${j + 1} to the output` })),
    { name: "b2[0,0]", kind: "b2", words: "bias of the output" },
  ];
}

function fromBase64(text) {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  return new Float64Array(bytes.buffer); // little endian, as every machine with a browser is
}
