// The derivation, line by line, with the numbers of one pattern.
"use strict";

// Each line: the formula of docs/derivation.md, its numbers, a sentence, and what lights up.
function derivation(parameters, pass, back, pattern, loss) {
  const { W1, b1, W2, b2 } = parameters;
  const n = pattern;
  const [x, t] = [X[n], Y[n][0]];
  const units = W2.map((_, j) => j);
  const list = (numbers) => (numbers.length > 1 ? `[${numbers.map(short).join(", ")}]` : short(numbers[0]));
  const [z1, a1] = [pass.z1[n], pass.a1[n]];
  const [z2, a2] = [pass.z2[n][0], pass.a2[n][0]];
  const [da2, dz2] = [back.da2[n][0], back.dz2[n][0]];
  const [da1, dz1] = [back.da1[n], back.dz1[n]];
  const mse = loss === "mse";
  return [
    ["z1 = x W1 + b1", units.map((j) => `${x[0]}\u00b7${short(W1[0][j])} + ${x[1]}\u00b7${short(W1[1][j])} + ${short(b1[0][j])} = ${short(z1[j])}`).join("; "),
      "Each hidden unit adds up its inputs, times their weights, and its bias.", { kind: "W1", inputs: true }],
    ["a1 = sigmoid(z1)", list(a1), "The sigmoid squeezes it to between 0 and 1: what the unit gives on.", { units: true }],
    ["z2 = a1 W2 + b2", units.map((j) => `${short(a1[j])}\u00b7${short(W2[j][0])}`).join(" + ") + ` + ${short(b2[0][0])} = ${short(z2)}`,
      "The output does the same with what the hidden units give.", { kind: "W2", units: true }],
    ["a2 = sigmoid(z2)", short(a2), `This is the prediction. It should be ${t}.`, { output: true }],
    mse
      ? ["loss = (a2 \u2212 y)\u00b2", `(${short(a2)} \u2212 ${t})\u00b2 = ${short((a2 - t) ** 2)}`, "This pattern's part of L. L is the sum over the four patterns; the mean is printed.", { output: true }]
      : ["loss = \u2212log of the answer for y", short(followedLoss({ z2: [[z2]], a2: [[a2]] }, [[t]], loss)), "This pattern's part of the cross-entropy.", { output: true }],
    mse
      ? ["da2 = 2 (a2 \u2212 y)", `2 (${short(a2)} \u2212 ${t}) = ${short(da2)}`, "Backwards from here: how the loss changes with the prediction.", { output: true }]
      : ["da2 = (a2 \u2212 y) / (a2 (1 \u2212 a2))", short(da2), "Backwards from here: how the loss changes with the prediction.", { output: true }],
    mse
      ? ["dz2 = da2 \u00b7 a2 (1 \u2212 a2)", `${short(da2)} \u00b7 ${short(a2 * (1 - a2))} = ${short(dz2)}`, "Through the output's sigmoid: its slope is a2 (1 \u2212 a2), near zero where a2 is near 0 or 1.", { output: true }]
      : ["dz2 = a2 \u2212 y", short(dz2), "With cross-entropy the slope a2 (1 \u2212 a2) cancels: a wrong answer is never flat here.", { output: true }],
    ["dW2 = a1\u1d40 dz2", `${list(a1.map((a) => a * dz2))}; all four: ${list(back.dW2.flat())}`, "A weight's gradient is what came in, times what comes back. The four patterns are added up.", { kind: "W2" }],
    ["db2 = dz2", `${short(dz2)}; all four: ${short(back.db2[0][0])}`, "A bias is a weight whose input is 1.", { kind: "b2" }],
    ["da1 = dz2 W2\u1d40", units.map((j) => `${short(dz2)}\u00b7${short(W2[j][0])} = ${short(da1[j])}`).join("; "), "Back along the edges to every hidden unit.", { kind: "W2", units: true }],
    ["dz1 = da1 \u00b7 a1 (1 \u2212 a1)", units.map((j) => `${short(da1[j])}\u00b7${short(a1[j] * (1 - a1[j]))} = ${short(dz1[j])}`).join("; "),
      "Through the hidden sigmoids. Where a1 (1 \u2212 a1) is near zero, nothing gets through: this is how a network gets stuck.", { units: true }],
    ["dW1 = x\u1d40 dz1", `x0: ${list(dz1.map((d) => x[0] * d))}, x1: ${list(dz1.map((d) => x[1] * d))}; all four: ${back.dW1.map(list).join(", ")}`,
      "An input of 0 gives its weights no gradient.", { kind: "W1" }],
    ["db1 = dz1", `${list(dz1)}; all four: ${list(back.db1[0])}`, "Then every weight takes its step: W \u2212 lr \u00b7 dW.", { kind: "b1" }],
  ];
}

class PassesView {
  // `said` is for those who listen: the line that somebody goes to, once.
  constructor(root, said, onLine) {
    this.root = root;
    this.said = said;
    this.onLine = onLine;
    this.now = null;
    this.items = [];
  }

  draw(lines, now) {
    while (this.items.length < lines.length) this.items.push(this.makeItem(this.items.length));
    lines.forEach(([formula, numbers, words], k) => {
      const item = this.items[k];
      item.formula.textContent = formula;
      item.numbers.textContent = numbers;
      item.words.textContent = words;
      item.li.classList.toggle("now", k === now);
      if (k === now) item.li.setAttribute("aria-current", "step");
      else item.li.removeAttribute("aria-current");
    });
    if (now !== this.now) this.said.textContent = now === null ? "" : lines[now].slice(0, 3).join(". ");
    this.now = now;
  }

  makeItem(k) {
    const [formula, numbers, words] = [make("code"), make("code"), make("span", { class: "words" })];
    const li = make("li", {}, formula, numbers, words);
    li.addEventListener("click", () => this.onLine(k));
    this.root.append(li);
    return { li, formula, numbers, words };
  }
}
