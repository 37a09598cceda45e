// The address: every setting and every change as text, and which parts of it make no sense.
"use strict";

const MOST_EPOCHS = 100000;
const LINES = 13; // of the derivation

// name: what the page calls it, its lowest and highest value, and whether it is a whole number
const NUMBERS = {
  seed: ["Seed", 0, Math.max(SEEDS - 1, EMBEDDED.run?.seed ?? 0), true],
  hidden: ["Hidden units", 1, MOST_HIDDEN, true],
  lr: ["Learning rate", Math.min(0.001, EMBEDDED.run?.lr ?? 1), Math.max(100, EMBEDDED.run?.lr ?? 1)],
  momentum: ["Momentum", 0, 0.99],
  epochs: ["Train for", 1, MOST_EPOCHS, true],
  at: ["Epoch", 0, MOST_EPOCHS, true],
  pattern: ["Pattern", 0, 3, true],
  speed: ["Speed", 1, 5000, true],
  kick: ["Kick by", 0, 5],
  weight: ["Weight", 0, 4 * MOST_HIDDEN, true],
  line: ["Line", 0, LINES - 1, true],
};

// `text` as a number in its range, or null.
function readNumber(name, text) {
  const [, low, high, whole] = NUMBERS[name];
  const value = text === null || text.trim() === "" ? NaN : Number(text);
  return value >= low && value <= high && (!whole || Number.isInteger(value)) ? value : null;
}

// The message for a number that is refused.
function rangeOf(name) {
  const [called, low, high, whole] = NUMBERS[name];
  return `${called}: ${whole ? "a whole number" : "a number"} from ${low} to ${high.toLocaleString("en")}`;
}

function writeTouch({ epoch, weight, value, kick, draw, ...setting }) {
  if (weight !== undefined) return `${epoch}:${weight}:${value}`;
  if (kick !== undefined) return `${epoch}:kick:${kick}:${draw}`;
  const [[name, to]] = Object.entries(setting);
  return `${epoch}:${name}:${to}`;
}

function readTouch(text) {
  const [at, what, to, draw] = text.split(":");
  const epoch = Number(at), value = Number(to);
  if (!Number.isInteger(epoch) || epoch < 0 || epoch > MOST_EPOCHS) return null;
  if (what === "loss") return to === "mse" || to === "bce" ? { epoch, loss: to } : null;
  if (to === undefined || !Number.isFinite(value)) return null;
  if (what === "lr" || what === "momentum") return readNumber(what, to) === null ? null : { epoch, [what]: value };
  if (what === "kick") return { epoch, kick: value, draw: Math.abs(Math.trunc(Number(draw) || 0)) % SEEDS };
  const weight = Number(what);
  return Number.isInteger(weight) && weight >= 0 && weight < countOf(MOST_HIDDEN) ? { epoch, weight, value } : null;
}
