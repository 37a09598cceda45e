// The two charts: the loss over the epochs, and the loss over one weight.
"use strict";

const LEVELS = [[1 / 8, "1/8"], [1 / 6, "1/6"], [1 / 4, "1/4"]];
const MARGIN = { left: 44, right: 12, top: 10, bottom: 24 };

class Chart {
  constructor(root, label, onDrag) {
    this.root = root;
    this.svg = makeSVG("svg", { role: "img", "aria-label": label });
    root.append(this.svg);
    let down = false;
    const drag = (event) => {
      const box = this.svg.getBoundingClientRect();
      onDrag(this.x.invert(event.clientX - box.left));
    };
    this.svg.addEventListener("pointerdown", (event) => {
      down = true;
      this.svg.setPointerCapture(event.pointerId);
      drag(event);
    });
    this.svg.addEventListener("pointermove", (event) => down && drag(event));
    for (const end of ["pointerup", "pointercancel"]) this.svg.addEventListener(end, () => (down = false));
  }

  // Not in every frame: asking for a size makes the browser lay out the page at once.
  measure() {
    this.width = Math.max(100, this.root.clientWidth);
    this.height = Math.max(80, this.root.clientHeight);
    this.svg.setAttribute("viewBox", `0 0 ${this.width} ${this.height}`);
  }

  scales(xs, ys, warpX, warpY) {
    this.x = scale(xs, [MARGIN.left, this.width - MARGIN.right], warpX);
    this.y = scale(ys, [this.height - MARGIN.bottom, MARGIN.top], warpY);
  }

  text(x, y, words, anchor = "middle") {
    const element = makeSVG("text", { class: "axis-text", x, y, "text-anchor": anchor });
    element.textContent = words;
    return element;
  }

  level(value, words) {
    const y = this.y(value);
    return [makeSVG("line", { class: "level", x1: MARGIN.left, x2: this.width - MARGIN.right, y1: y, y2: y }),
      this.text(MARGIN.left - 6, y + 4, words, "end")];
  }
}

// A function from numbers to pixels, with its inverse; `warp` bends the axis.
function scale([low, high], [from, to], warp = { there: (v) => v, back: (v) => v }) {
  const [a, b] = [warp.there(low), warp.there(high)];
  const f = (value) => from + ((warp.there(value) - a) / (b - a)) * (to - from);
  f.invert = (pixel) => warp.back(a + ((pixel - from) / (to - from)) * (b - a));
  return f;
}

const EARLY_WIDER = { there: (epoch) => Math.log1p(epoch / 10), back: (v) => Math.expm1(v) * 10 };

const LOGARITHM = { there: (size) => Math.log10(Math.max(size, SMALLEST)), back: (v) => 10 ** v };
const SMALLEST = 1e-9; // of a gradient on the chart

class LossChart extends Chart {
  // What changes with the run; `moveTo` is for each frame. With `size` the length of the gradient
  // is drawn, in powers of ten, in place of the loss.
  draw(timeline, ghost, run, { early, size }) {
    const { known, epochs } = timeline;
    const of = (what) => (size ? what.norms : what.losses);
    const values = of(timeline);
    this.values = values;
    let lowest = Infinity, highest = size ? SMALLEST : 0.28;
    for (let k = 0; k <= known; k++) {
      if (values[k] > highest) highest = values[k];
      if (values[k] < lowest) lowest = values[k];
    }
    const [low, high] = [lowest, highest].map(LOGARITHM.there);
    const decades = Array.from({ length: Math.ceil(high) - Math.floor(low) + 1 }, (_, k) => Math.floor(low) + k);
    const ys = size ? [10 ** decades[0], 10 ** Math.max(decades.at(-1), decades[0] + 1)] : [0, Math.min(1, highest * 1.05)];
    this.scales([0, epochs], ys, early ? EARLY_WIDER : undefined, size ? LOGARITHM : undefined);
    const ticks = (early ? [0, 10, 100, 1000, 10000, 100000] : [0, 0.25, 0.5, 0.75, 1].map((t) => t * epochs)).filter((t) => t <= epochs);
    const bottom = this.height - MARGIN.bottom;
    const rings = (size ? [] : (run?.curve ?? [])).filter(([epoch]) => epoch <= epochs);
    const every = Math.ceil(rings.length / 60);
    this.svg.replaceChildren(
      makeSVG("line", { class: "axis", x1: MARGIN.left, x2: this.width - MARGIN.right, y1: bottom, y2: bottom }),
      ...(size
        ? decades.flatMap((power) => this.level(10 ** power, power < -3 ? `1e\u2212${-power}` : String(10 ** power)))
        : [[0, "0"], ...LEVELS].flatMap(([value, words]) => this.level(value, words))),
      ...ticks.map((tick) => this.text(this.x(tick), this.height - 7, tick.toLocaleString("en"), tick === epochs ? "end" : "middle")),
      ...(ghost ? [makeSVG("path", { class: "ghost", d: this.path(of(ghost), Math.min(ghost.known, epochs)) })] : []),
      makeSVG("path", { class: "line", d: this.path(values, known) }),
      ...rings.filter((_, k) => k % every === 0).map(([epoch, loss]) => makeSVG("circle", { class: "logged", cx: this.x(epoch), cy: this.y(loss), r: 4 })),
      ...timeline.touches.map((touch) => makeSVG("path", { class: "touch-mark", d: `M${this.x(touch.epoch)} ${bottom}l-5 8h10z` })),
      (this.cursor = makeSVG("line", { class: "cursor", y1: MARGIN.top, y2: bottom })),
      (this.dot = makeSVG("circle", { class: "dot", r: 6 })),
    );
    this.svg.setAttribute("aria-label", `${size ? "The length of the gradient" : "The mean squared error"} over the epochs`);
  }

  // One point for each pixel, and the highest and lowest where more epochs share one.
  path(values, known) {
    const points = [];
    let pixel = -1, low = 0, high = 0;
    for (let k = 0; k <= known; k++) {
      const x = Math.round(this.x(k));
      if (x !== pixel) {
        if (high > low) points.push(`${pixel} ${this.y(high).toFixed(1)}`, `${pixel} ${this.y(low).toFixed(1)}`);
        points.push(`${x} ${this.y(values[k]).toFixed(1)}`);
        [pixel, low, high] = [x, values[k], values[k]];
      } else {
        low = Math.min(low, values[k]);
        high = Math.max(high, values[k]);
      }
    }
    points.push(`${pixel} ${this.y(values[known]).toFixed(1)}`);
    return "M" + points.join("L");
  }

  moveTo(epoch) {
    const x = this.x(epoch);
    setAttributes(this.cursor, { x1: x, x2: x });
    setAttributes(this.dot, { cx: x, cy: this.y(this.values[epoch]) });
  }
}

class SliceChart extends Chart {
  // L as a function of the weight at `index` alone, with its tangent at the weight's value.
  draw(flat, hidden, index, loss, slope) {
    const value = flat[index];
    if (!this.range || index !== this.index || value < this.range[0] + 1 || value > this.range[1] - 1) {
      this.range = [Math.min(-10, Math.floor(value) - 6), Math.max(10, Math.ceil(value) + 6)];
      this.index = index;
    }
    const moved = Float64Array.from(flat);
    const at = (w) => {
      moved[index] = w;
      return followedLoss(forward(X, unflatten(moved, hidden)), Y, loss);
    };
    const [low, high] = this.range;
    const values = Array.from({ length: 121 }, (_, k) => at(low + ((high - low) * k) / 120));
    const here = at(value);
    const top = Math.max(1.1, ...values.map((v) => Math.min(v, 6)));
    this.scales(this.range, [0, top * 1.05]);
    const line = values.map((v, k) => `${this.x(low + ((high - low) * k) / 120).toFixed(1)} ${this.y(Math.min(v, top * 2)).toFixed(1)}`);
    const reach = (high - low) / 8;
    this.svg.replaceChildren(
      ...this.level(0, "0"), ...this.level(0.5, "1/2"), ...this.level(1, "1"),
      ...[low, 0, high].map((tick) => this.text(this.x(tick), this.height - 7, String(tick).replace("-", "\u2212"))),
      makeSVG("path", { class: "line", d: "M" + line.join("L") }),
      makeSVG("line", { class: "tangent", x1: this.x(value - reach), y1: this.y(here - slope * reach), x2: this.x(value + reach), y2: this.y(here + slope * reach) }),
      makeSVG("circle", { class: "dot", cx: this.x(value), cy: this.y(here), r: 8 }),
    );
  }
}
