// The network as a drawing: inputs, hidden units with their surfaces, the output, and a number on
// each edge that can be dragged.
"use strict";

class DiagramView {
  constructor(root, { onWeight, onChoose }) {
    this.root = root;
    this.onWeight = onWeight;
    this.onChoose = onChoose;
    this.hidden = 0;
  }

  // Make the elements for a number of hidden units; `resize` puts them in their places.
  build(hidden) {
    this.hidden = hidden;
    this.svg = makeSVG("svg", { "aria-hidden": "true" });
    this.inputs = [0, 1].map(() => make("span", { class: "node", role: "img" }));
    this.inputNames = [0, 1].map((i) => make("span", { class: "caption", "aria-hidden": "true", textContent: `x${i}` }));
    const surface = (label) => make("canvas", { width: GRID, height: GRID, role: "img", "aria-label": label });
    this.units = Array.from({ length: hidden }, (_, j) => surface(`What hidden ${j + 1} gives at every point`));
    this.unitValues = this.units.map(() => make("span", { class: "caption" }));
    this.output = surface("What the network answers at every point");
    this.outputValue = make("span", { class: "caption" });
    this.weights = describeWeights(hidden).map((weight, index) => ({ ...weight, ...this.makeLabel(weight, index) }));
    this.svg.append(...this.weights.map((weight) => weight.edge));
    this.root.replaceChildren(this.svg, ...this.inputs, ...this.inputNames, ...this.units, ...this.unitValues,
      this.output, this.outputValue, ...this.weights.map((weight) => weight.label));
    this.resize();
  }

  makeLabel({ name, words, kind }, index) {
    const number = make("span"), gradient = make("small");
    const label = make("div", {
      class: "weight-label", tabIndex: 0, role: "slider", title: `${name}, ${words}`,
      "aria-label": `${name}, ${words}`, "aria-valuemin": -1000, "aria-valuemax": 1000,
    }, number, gradient);
    const edge = makeSVG("path", { class: "edge" });
    if (kind[0] === "b") { // a bias has no edge, and a letter before its number
      edge.style.display = "none";
      label.style.minWidth = "0";
    }
    let drag = null;
    label.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      label.focus();
      label.setPointerCapture(event.pointerId);
      drag = { x: event.clientX, y: event.clientY, value: this.flat[index] };
      this.onChoose(index);
    });
    label.addEventListener("pointermove", (event) => {
      if (drag) this.onWeight(index, drag.value + (event.clientX - drag.x - (event.clientY - drag.y)) / 40);
    });
    for (const end of ["pointerup", "pointercancel"]) label.addEventListener(end, () => (drag = null));
    label.addEventListener("focus", () => this.onChoose(index));
    label.addEventListener("keydown", (event) => {
      const steps = { ArrowUp: 0.1, ArrowRight: 0.1, ArrowDown: -0.1, ArrowLeft: -0.1, PageUp: 1, PageDown: -1 };
      const value = event.key === "Home" ? 0 : this.flat[index] + steps[event.key];
      if (Number.isNaN(value)) return;
      event.preventDefault();
      this.onWeight(index, value);
    });
    return { label, number, gradient, edge };
  }

  // Rows of the drawing, from the top: every unit has its surface, and its bias under it.
  resize() {
    if (!this.hidden) return;
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    const width = this.root.clientWidth;
    const narrow = width < 30 * rem;
    const label = (narrow ? 2.7 : 3.1) * rem;
    const unit = Math.max(3.1 * rem, Math.min(width * 0.24, (30 * rem) / this.hidden - 2.5 * rem, 9 * rem));
    const output = narrow ? 3.8 * rem : Math.min(width * 0.24, 12 * rem);
    const row = unit + 2.5 * rem;
    const height = Math.max(row * this.hidden, output + 5 * rem, 13 * rem);
    this.root.style.height = `${height}px`;
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);

    const put = (element, x, y, size) => {
      element.style.left = `${x}px`;
      element.style.top = `${y}px`;
      if (size) element.style.width = element.style.height = `${size}px`;
    };
    const inputX = 1.2 * rem, outputX = width - output / 2 - 2;
    const hiddenX = (inputX + outputX) / 2 + (narrow ? 0.6 : 0) * rem;
    const middle = height / 2;
    const inputY = [middle + height * 0.2, middle - height * 0.2]; // x1 is above, as on the surface
    const unitY = (j) => height / 2 + (j - (this.hidden - 1) / 2) * row - 0.6 * rem;
    this.inputs.forEach((node, i) => put(node, inputX, inputY[i]));
    this.inputNames.forEach((name, i) => put(name, inputX, inputY[i] + 1.6 * rem));
    this.units.forEach((canvas, j) => put(canvas, hiddenX, unitY(j), unit));
    this.unitValues.forEach((value, j) => put(value, hiddenX, unitY(j) - unit / 2 + 0.65 * rem));
    put(this.output, outputX, middle, output);
    put(this.outputValue, outputX, middle - output / 2 - 0.8 * rem);
    const left = hiddenX - unit / 2 - label / 2 - 0.3 * rem;
    const right = hiddenX + unit / 2 + label / 2 + 0.3 * rem;
    for (const { kind, from, unit: j, label: element, edge } of this.weights) {
      if (kind === "W1") {
        const y = unitY(j) + (from ? -1 : 1) * 1.15 * rem;
        put(element, left, y);
        edge.setAttribute("d", curve(inputX + rem, inputY[from], left - label / 2, y) + `M${left + label / 2} ${y}L${hiddenX - unit / 2} ${unitY(j)}`);
      } else if (kind === "W2") {
        put(element, right, unitY(j));
        edge.setAttribute("d", `M${hiddenX + unit / 2} ${unitY(j)}L${right} ${unitY(j)}` + curve(right + label / 2, unitY(j), outputX - output / 2, middle));
      } else {
        const [x, y] = kind === "b1" ? [hiddenX, unitY(j) + unit / 2] : [outputX, middle + output / 2];
        put(element, x, y + 1.15 * rem);
      }
    }
  }

  // Draw the surfaces and the edges, in each frame.
  draw(flat, surfaces, palette, chosen, lit) {
    this.flat = flat;
    this.units.forEach((canvas, j) => paint(canvas, surfaces.units[j], palette));
    paint(this.output, surfaces.z2, palette, sigmoid);
    this.units.forEach((canvas) => canvas.classList.toggle("lit", !!lit.units));
    this.output.classList.toggle("lit", !!lit.output);
    this.inputs.forEach((node) => node.classList.toggle("lit", !!lit.inputs));
    this.weights.forEach(({ kind, label, edge }, index) => {
      const value = flat[index];
      label.classList.toggle("below", value < 0);
      label.classList.toggle("chosen", index === chosen);
      label.classList.toggle("lit", kind === lit.kind);
      edge.classList.toggle("below", value < 0);
      edge.classList.toggle("lit", kind === lit.kind);
      edge.style.strokeWidth = `${Math.min(0.6, 0.06 + Math.abs(value) * 0.05)}rem`;
    });
  }

  // Draw the numbers, which people read: ten times a second is enough.
  drawNumbers(pass, gradients, pattern) {
    this.inputs.forEach((node, i) => {
      node.textContent = X[pattern][i];
      node.setAttribute("aria-label", `x${i} is ${X[pattern][i]}`);
    });
    this.unitValues.forEach((value, j) => (value.textContent = `a1 ${pass.a1[pattern][j].toFixed(2)}`));
    this.outputValue.textContent = `a2 ${pass.a2[pattern][0].toFixed(2)}`;
    this.weights.forEach(({ kind, label, number, gradient }, index) => {
      const value = this.flat[index];
      number.textContent = (kind[0] === "b" ? "b " : "") + signed(value);
      const d = gradients?.[index];
      gradient.textContent = gradients ? `${d > 0 ? "\u2193" : d < 0 ? "\u2191" : ""}${brief(d)}` : "";
      label.setAttribute("aria-valuenow", value);
      label.setAttribute("aria-valuetext", signed(value) + (gradients ? `, gradient ${short(d)}` : ""));
    });
  }
}

const curve = (x0, y0, x1, y1) => `M${x0} ${y0}C${(x0 + x1) / 2} ${y0} ${(x0 + x1) / 2} ${y1} ${x1} ${y1}`;

// Numbers for people: with a sign always, in very little room, and with three digits.
function signed(value) {
  const digits = Math.abs(value) < 99.995 ? 2 : 0;
  return (value < 0 ? "\u2212" : "+") + Math.abs(value).toFixed(digits);
}

function brief(value) {
  const size = Math.abs(value);
  const text = size >= 0.005 || size === 0 ? size.toFixed(2) : size.toExponential(0).replace("e-", "e\u2212");
  return (value < 0 ? "\u2212" : "") + text;
}

function short(value) {
  if (value === 0) return "0";
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  const text = size < 1e-3 || size >= 1e5 ? size.toExponential(1) : size.toPrecision(3);
  return (value < 0 ? "\u2212" : "") + text.replace("e-", "e\u2212").replace("e+", "e");
}
