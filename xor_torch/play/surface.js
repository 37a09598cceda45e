// Surfaces: what the network answers, and what each hidden unit gives, at every point of the inputs.
"use strict";

const LOW = -0.35, HIGH = 1.35; // of both inputs: a margin around the four patterns
const GRID = 72; // the browser draws it smooth at any size
const place = (value) => (value - LOW) / (HIGH - LOW); // 0 to 1 from the left, or from the bottom

// 256 colours from blue over nearly white to orange, as in xor_torch/colours.py.
function makePalette() {
  const style = getComputedStyle(document.documentElement);
  const [zero, half, one] = ["--zero", "--half", "--one"].map((name) =>
    style.getPropertyValue(name).trim().match(/\w\w/g).map((hex) => parseInt(hex, 16)));
  return Uint32Array.from({ length: 256 }, (_, k) => {
    const [from, to, t] = k < 128 ? [zero, half, k / 127.5] : [half, one, k / 127.5 - 1];
    const [r, g, b] = from.map((c, i) => Math.round(c + (to[i] - c) * t));
    return (255 << 24) | (b << 16) | (g << 8) | r;
  });
}

// Fill `surfaces.units[j]` and `surfaces.z2`, (GRID * GRID) numbers each, top row first.
function computeSurfaces({ W1, b1, W2, b2 }, surfaces) {
  const hidden = b1[0].length;
  for (let r = 0, at = 0; r < GRID; r++) {
    const x1 = HIGH - ((r + 0.5) / GRID) * (HIGH - LOW);
    for (let c = 0; c < GRID; c++, at++) {
      const x0 = LOW + ((c + 0.5) / GRID) * (HIGH - LOW);
      let z2 = b2[0][0];
      for (let j = 0; j < hidden; j++) {
        const a1 = sigmoid(x0 * W1[0][j] + x1 * W1[1][j] + b1[0][j]);
        surfaces.units[j][at] = a1;
        z2 += a1 * W2[j][0];
      }
      surfaces.z2[at] = z2;
    }
  }
}

function paint(canvas, values, palette, f = (value) => value) {
  const context = canvas.getContext("2d");
  const image = (canvas.image ??= context.createImageData(GRID, GRID));
  const pixels = (canvas.pixels ??= new Uint32Array(image.data.buffer));
  for (let k = 0; k < pixels.length; k++) pixels[k] = palette[(f(values[k]) * 255) | 0] ?? palette[128];
  context.putImageData(image, 0, 0);
}

// Where z2 is zero the network says one half. In each cell of the grid this line is nearly straight:
// find where it crosses the cell's sides, and join the crossings (marching squares).
function contourPath(values, level) {
  const parts = [];
  const at = (c, r) => values[r * GRID + c] - level;
  const point = (c, r) => `${(((c + 0.5) / GRID) * 100).toFixed(2)} ${(((r + 0.5) / GRID) * 100).toFixed(2)}`;
  for (let r = 0; r + 1 < GRID; r++) {
    for (let c = 0; c + 1 < GRID; c++) {
      const above = (at(c, r) > 0) + (at(c + 1, r) > 0) + (at(c, r + 1) > 0) + (at(c + 1, r + 1) > 0);
      if (above === 0 || above === 4) continue; // most cells
      const corners = [[c, r], [c + 1, r], [c + 1, r + 1], [c, r + 1]];
      const crossings = [];
      for (let k = 0; k < 4; k++) {
        const [p, q] = [corners[k], corners[(k + 1) % 4]];
        const [u, v] = [at(...p), at(...q)];
        if (u > 0 === v > 0) continue;
        const t = u / (u - v);
        crossings.push(point(p[0] + t * (q[0] - p[0]), p[1] + t * (q[1] - p[1])));
      }
      for (let k = 0; k + 1 < crossings.length; k += 2) parts.push(`M${crossings[k]}L${crossings[k + 1]}`);
    }
  }
  return parts.join("");
}

// The middle of the widest place where the answer is within 0.05 of one half, in percent, and how
// much of the square such places take.
function halfRegion(z2) {
  const near = (value) => Math.abs(value) < 0.2; // sigmoid(0.2) = 0.55
  let count = 0, best = { length: 0 };
  for (let r = 0; r < GRID; r++) {
    let run = 0;
    for (let c = 0; c < GRID; c++) {
      run = near(z2[r * GRID + c]) ? run + 1 : 0;
      count += run > 0;
      if (run > best.length) best = { length: run, x: ((c - run / 2) / GRID) * 100, y: ((r + 0.5) / GRID) * 100 };
    }
  }
  return { ...best, share: count / z2.length };
}

// The ends, far outside, of the line on which a unit is undecided: w0 x0 + w1 x1 + b = 0.
function unitLine(w0, w1, b) {
  const square = w0 * w0 + w1 * w1;
  if (!(square > 0)) return null;
  const norm = Math.sqrt(square);
  const [x, y] = [(-b * w0) / square, (-b * w1) / square];
  const [dx, dy] = [(-w1 / norm) * 10, (w0 / norm) * 10];
  return [[x - dx, y - dy], [x + dx, y + dy]].map(([u, v]) => [place(u) * 100, 100 - place(v) * 100]);
}

const DASHES = ["", "3 2", "0.8 1.6", "4 1.5 0.8 1.5"]; // a style for each unit, as in the pictures

class SurfaceView {
  constructor(root, onPattern) {
    this.root = root;
    this.canvas = make("canvas", { width: GRID, height: GRID, role: "img" });
    this.svg = makeSVG("svg", { viewBox: "0 0 100 100", preserveAspectRatio: "none", "aria-hidden": "true" });
    this.contour = makeSVG("path", { class: "contour", "vector-effect": "non-scaling-stroke" });
    this.lines = Array.from({ length: MOST_HIDDEN }, (_, j) =>
      makeSVG("line", { class: "unit-line", "stroke-dasharray": DASHES[j % 4].split(" ").map((d) => d * 4).join(" "),
        "vector-effect": "non-scaling-stroke" }));
    this.note = make("span", { class: "half-mark", textContent: "says one half here" });
    this.svg.append(...this.lines, this.contour);
    this.patterns = PATTERNS.map((name, n) => {
      const shape = make("b", { class: Y[n][0] ? "one" : "zero", textContent: name });
      const [target, words] = [make("span", { textContent: `should be ${Y[n][0]}` }), make("span")];
      const button = make("button", { class: "pattern", type: "button" });
      button.style.left = `${place(X[n][0]) * 100}%`;
      button.style.top = `${100 - place(X[n][1]) * 100}%`;
      button.append(shape, " ", target, " ", words);
      button.addEventListener("click", () => onPattern(n));
      button.addEventListener("pointerenter", () => onPattern(n));
      return { button, words };
    });
    root.append(this.canvas, this.svg, this.note, ...this.patterns.map((p) => p.button));
  }

  draw(parameters, surfaces, pass, palette, chosen) {
    paint(this.canvas, surfaces.z2, palette, sigmoid);
    this.contour.setAttribute("d", contourPath(surfaces.z2, 0));
    this.lines.forEach((line, j) => {
      const ends = j < parameters.b1[0].length
        ? unitLine(parameters.W1[0][j], parameters.W1[1][j], parameters.b1[0][j]) : null;
      line.style.display = ends ? "" : "none";
      if (ends) setAttributes(line, { x1: ends[0][0], y1: ends[0][1], x2: ends[1][0], y2: ends[1][1] });
    });
    const half = halfRegion(surfaces.z2);
    this.note.style.display = half.length > GRID * 0.25 ? "" : "none";
    if (half.length) { // beside the region's middle, within the square
      this.note.style.left = `${Math.min(80, Math.max(20, half.x))}%`;
      this.note.style.top = `${Math.min(94, Math.max(6, half.y))}%`;
    }
    const answers = pass.a2.map(([a]) => a.toFixed(2));
    this.canvas.setAttribute("aria-label", "The answer at every point of the inputs. " +
      PATTERNS.map((name, n) => `${name} should be ${Y[n][0]}, answers ${answers[n]}`).join("; "));
    this.patterns.forEach(({ button, words }, n) => {
      words.textContent = `answers ${answers[n]}`;
      button.setAttribute("aria-pressed", n === chosen);
    });
  }
}

// Elements, with properties or attributes.

function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in element && name !== "role" && !name.startsWith("aria-")) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

function makeSVG(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  setAttributes(element, attributes);
  element.append(...children);
  return element;
}

function setAttributes(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
}
