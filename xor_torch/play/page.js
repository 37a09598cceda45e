// The page: its state, its run, and a frame of what is shown. Loaded last.
"use strict";

const $id = (id) => document.getElementById(id);
const RUN = EMBEDDED.run; // a run of the reader's own, or null
const DEFAULTS = { seed: RUN?.seed ?? 42, hidden: RUN?.hidden ?? 2, lr: RUN?.lr ?? 0.1, loss: "mse", momentum: 0,
  epochs: Math.min(RUN?.epochs ?? 10000, 100000) };
const WORK = 7; // milliseconds of training in a frame; the rest of its 16 draws
const reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");

// All that the address holds, and what the reader does at the moment.
const LOOK = { pattern: 1, speed: 1000, kick: 2, weight: 0, line: null };
const SWITCHES = ["gradients", "early", "size"];
const state = { ...DEFAULTS, ...LOOK, at: null, gradients: false, early: false, size: false, theme: null };
let timeline, ghost = null, palette, surfaces;
let playing = false, position = 0, last = 0;
let asked; // how many epochs to train for, before a change at the last one added to them
let drawnLength = -1, stale = true, settled = Infinity, slowly = 0;

// The address

function writeAddress() {
  const parts = new URLSearchParams();
  for (const name in DEFAULTS) parts.set(name, state[name]);
  parts.set("at", epochShown());
  for (const name in LOOK) if (name === "pattern" || state[name] !== LOOK[name]) parts.set(name, state[name]);
  for (const name of SWITCHES) if (state[name]) parts.set(name, 1);
  if (state.theme) parts.set("theme", state.theme);
  if (timeline.touches.length) parts.set("touch", timeline.touches.map(writeTouch).join(","));
  const address = "#" + decodeURIComponent(parts.toString());
  if (address !== location.hash) history.replaceState(null, "", address);
}

function readAddress() {
  const parts = new URLSearchParams(location.hash.slice(1));
  const refused = [];
  for (const name in NUMBERS) {
    const value = parts.has(name) ? readNumber(name, parts.get(name)) : undefined;
    if (value === null) refused.push(`${rangeOf(name)}, not \u201c${parts.get(name).slice(0, 20)}\u201d.`);
    state[name] = value ?? DEFAULTS[name] ?? LOOK[name] ?? null;
  }
  const oneOf = (name, allowed) => {
    const value = parts.get(name);
    if (value !== null && !allowed.includes(value)) refused.push(`The ${name} is ${allowed.join(" or ")}, not \u201c${value.slice(0, 20)}\u201d.`);
    return allowed.find((known) => known === value) ?? null;
  };
  state.loss = oneOf("loss", ["mse", "bce"]) ?? "mse";
  state.theme = oneOf("theme", ["dark", "light"]);
  for (const name of SWITCHES) state[name] = parts.has(name);
  if (!weightsOf(state.seed, state.hidden)) {
    refused.push(`${noDraws(state.seed)}.`);
    state.seed = DEFAULTS.seed;
  }
  asked = state.epochs;
  const size = countOf(state.hidden);
  state.weight = Math.min(state.weight, size - 1);
  const texts = (parts.get("touch") ?? "").split(",").filter(Boolean);
  const touches = texts.map(readTouch).filter((touch) => touch && touch.epoch <= state.epochs && !(touch.weight >= size));
  const lost = texts.length - touches.length;
  if (lost) refused.push(`${lost} of ${texts.length} changes cannot be made here.`);
  start(touches, state.at ?? state.epochs);
  say(refused.length ? `Part of the address makes no sense. ${refused.join(" ")} The page shows the rest.` : "");
}

const noDraws = (seed) => `The page has no random numbers of seed ${seed} for this width, only of seeds 0 to ${SEEDS - 1}`;

// Tell the reader what could not be done as asked; "" when all is well.
function say(words) {
  $id("notice").textContent = words;
}

// The run

// Initial weights, flat: NumPy's draws, which for a run of the reader's own come with it.
function weightsOf(seed, hidden) {
  if (RUN && seed === RUN.seed && hidden === RUN.hidden) return RUN.initial;
  return seed < SEEDS ? flatten(initialWeights(seed, hidden)) : null;
}

function start(touches = [], at = 0) {
  const { lr, loss, momentum } = state;
  timeline = new Timeline(weightsOf(state.seed, state.hidden), state.hidden, { lr, loss, momentum }, state.epochs, touches);
  if (diagram.hidden !== state.hidden) {
    diagram.build(state.hidden);
    surfaces = { z2: new Float64Array(GRID * GRID), units: Array.from({ length: state.hidden }, () => new Float64Array(GRID * GRID)) };
    state.weight = Math.min(state.weight, countOf(state.hidden) - 1);
  }
  ghost = null;
  position = Math.min(at, state.epochs);
  fillControls();
  changed();
}

const epochShown = () => Math.min(Math.floor(position), timeline.epochs);

function touch(change) {
  const epoch = epochShown();
  timeline.trainUntil(epoch);
  if (timeline.known > epoch && !(ghost && ghost.epoch === epoch)) {
    ghost = { epoch, known: timeline.known, losses: timeline.losses.slice(), norms: timeline.norms.slice() };
  }
  if (epoch === timeline.epochs) goOn();
  timeline.touch({ epoch, ...change });
  position = epoch;
  changed();
}

// A change at the last epoch would have no future: train for as many epochs again.
function goOn() {
  state.epochs = Math.min(MOST_EPOCHS, 2 * timeline.epochs);
  if (state.epochs === timeline.epochs) say(`The page trains for at most ${MOST_EPOCHS.toLocaleString("en")} epochs: go back with the slider to see what a change does.`);
  timeline.makeRoom(state.epochs);
  fillControls();
}

function setWeight(index, value) {
  if (!Number.isFinite(value)) return;
  touch({ weight: index, value: Math.min(1000, Math.max(-1000, Math.round(value * 1000) / 1000)) });
}

function kick() {
  touch({ kick: state.kick, draw: Math.floor(Math.random() * SEEDS) });
}

function undo() {
  if (timeline.touches.length) startWith(timeline.touches.slice(0, -1));
}

function reset() {
  startWith([]);
}

// Start again and show the same epoch; a run without changes gets back the length that was asked for.
function startWith(touches) {
  if (touches.length === 0) state.epochs = asked;
  start(touches, position);
}

function setPlaying(on) {
  playing = on;
  if (on && position >= timeline.epochs) position = 0;
  $id("play").textContent = on ? "Pause" : "Play";
  last = performance.now();
  changed();
}

function step(by) {
  setPlaying(false);
  position = Math.min(timeline.epochs, Math.max(0, epochShown() + by));
  changed();
}

// A frame: train a little, move on if it plays, draw if something is new.

function changed() {
  stale = true;
}

function frame(now) {
  requestAnimationFrame(frame);
  const began = performance.now();
  if (timeline.known < timeline.epochs) {
    timeline.trainUntil(timeline.epochs, () => performance.now() - began > WORK);
    stale = true;
  }
  const pause = reducedMotion.matches ? 400 : 0; // milliseconds between two pictures
  if (playing && now - last >= pause) {
    const target = position + (state.speed * Math.min(now - last, 500)) / 1000;
    position = Math.min(target, timeline.known, timeline.epochs);
    last = now;
    if (position >= timeline.epochs) setPlaying(false);
    stale = true;
  }
  if (stale) {
    draw();
    settled = now + 300;
  } else if (!playing && now > settled) {
    writeAddress(); // browsers allow a page few changes of its address in a second
    settled = Infinity;
  }
}

function draw() {
  stale = false;
  const epoch = Math.min(epochShown(), timeline.known);
  const flat = timeline.flatAt(epoch);
  const parameters = timeline.parametersAt(epoch);
  const { loss, lr, momentum } = timeline.settingsAt(epoch);
  const pass = forward(X, parameters);
  const back = backward(X, Y, parameters, pass, loss);
  const gradients = flatten({ W1: back.dW1, b1: back.db1, W2: back.dW2, b2: back.db2 });
  computeSurfaces(parameters, surfaces);
  const lines = derivation(parameters, pass, back, state.pattern, loss);
  const lit = lines[state.line]?.[3] ?? {};
  diagram.draw(flat, surfaces, palette, state.weight, lit);
  surface.draw(parameters, surfaces, pass, palette, state.pattern);
  if (drawnLength !== timeline.known || curve_.touches !== timeline.touches) {
    curve_.draw(timeline, ghost, RUN, state);
    curve_.touches = timeline.touches;
    drawnLength = timeline.known;
    if (timeline.known === timeline.epochs) tell();
  }
  curve_.moveTo(epoch);

  const number = epoch.toLocaleString("en");
  $id("epoch-number").textContent = number;
  $id("epoch").value = epoch;
  $id("mse").textContent = `${timeline.losses[epoch].toFixed(6)} at epoch ${number}`;
  if (playing && performance.now() - slowly < 100) return;
  // The numbers below are for reading: while it plays, ten times a second is enough.
  slowly = performance.now();
  diagram.drawNumbers(pass, state.gradients ? gradients : null, state.pattern);
  passes.draw(lines, state.line);
  drawPredictions(pass);
  slice.draw(flat, state.hidden, state.weight, loss, gradients[state.weight]);
  $id("epoch").setAttribute("aria-valuetext", `epoch ${number}, loss ${timeline.losses[epoch].toFixed(4)}`);
  const weight = diagram.weights[state.weight];
  $id("weight-title").textContent = `One weight: ${weight.name}`;
  slice.svg.setAttribute("aria-label", `The loss over ${weight.name}, ${weight.words}; its gradient is ${short(gradients[state.weight])}`);
  setUnlessFocused("weight", flat[state.weight].toFixed(3));
  setUnlessFocused("lr", lr);
  setUnlessFocused("momentum", momentum);
  $id("loss").value = loss;
  $id("undo").disabled = $id("reset").disabled = timeline.touches.length === 0;
  document.querySelector(".ghost-key").hidden = !ghost;
  const changes = timeline.touches.length;
  $id("touches").textContent = changes ? `${changes} ${changes === 1 ? "change" : "changes"} so far.` : "";
  $id("norm").textContent = short(timeline.norms[epoch]);
  $id("loss-title").textContent = state.size ? "The gradient" : "The loss";
  document.body.classList.toggle("gradients", state.gradients);
  document.body.classList.toggle("size", state.size);
  document.body.dataset.trained = timeline.known === timeline.epochs; // for whoever waits for it
}

const setUnlessFocused = (id, value) => document.activeElement !== $id(id) && ($id(id).value = value);

function drawPredictions(pass) {
  const rows = $id("predictions").tBodies[0].rows;
  pass.a2.forEach(([answer], n) => {
    const [, , said, verdict] = rows[n].cells;
    said.textContent = answer.toFixed(4);
    const right = answer >= 0.5 === Y[n][0] >= 0.5;
    verdict.textContent = Math.abs(answer - 0.5) < 0.1 ? "\u2248 one half" : right ? "\u2713 right" : "\u2717 wrong";
    rows[n].classList.toggle("chosen", n === state.pattern);
  });
}

// What became of the run, in words: at its last epoch.
function tell() {
  const settings = timeline.settingsAt(timeline.epochs);
  const parameters = timeline.parametersAt(timeline.epochs);
  const { short: end, why } = tellOutcome(classify(parameters, settings, timeline.epochs), parameters);
  const touched = timeline.touches.length ? ", changed by hand" : "";
  $id("verdict").textContent = `Seed ${state.seed}${touched}: ${end} after ${timeline.epochs.toLocaleString("en")} epochs`;
  $id("why").textContent = why;
  document.title = `XOR: seed ${state.seed}, ${end}`;
  const isRun = RUN && state.seed === RUN.seed && state.hidden === RUN.hidden && !timeline.touches.length &&
    state.lr === RUN.lr && state.loss === "mse" && state.momentum === 0 && timeline.epochs >= RUN.epochs;
  $id("run").hidden = !RUN;
  if (!RUN) return;
  const apart = isRun && Math.max(...RUN.final.map((w, i) => Math.abs(w - timeline.flatAt(RUN.epochs)[i])));
  $id("run").replaceChildren(
    `Your run ${RUN.name}: seed ${RUN.seed}, ${RUN.hidden} hidden units, lr ${RUN.lr}, ${RUN.epochs.toLocaleString("en")} epochs. ` +
    (isRun ? `Trained again in this page, its weights are the same to ${apart.toExponential(0)}. ` : ""));
  $id("run").append(make("button", { type: "button", textContent: "Set the run's weights here", onclick: setRunsWeights }));
}

// The run's weights at the epoch that is shown, one touch for each, so that the link keeps them.
function setRunsWeights() {
  if (state.hidden !== RUN.hidden || state.seed !== RUN.seed) Object.assign(state, { hidden: RUN.hidden, seed: RUN.seed }), start();
  RUN.final.forEach((value, weight) => touch({ weight, value }));
}

const diagram = new DiagramView($id("diagram"), { onWeight: setWeight, onChoose: chooseWeight });
const surface = new SurfaceView($id("surface"), choosePattern);
const passes = new PassesView($id("lines"), $id("line-said"), goToLine);
const curve_ = new LossChart($id("curve"), "The mean squared error over the epochs", (epoch) => {
  setPlaying(false);
  position = Math.min(timeline.epochs, Math.max(0, Math.round(epoch)));
});
const slice = new SliceChart($id("slice"), "", (value) => setWeight(state.weight, value));

function resize() {
  diagram.resize();
  curve_.measure();
  slice.measure();
  drawnLength = -1;
}

function open() {
  palette = makePalette();
  fillSeedLists();
  PATTERNS.forEach((name, n) => {
    $id("pattern-buttons").append(make("button", { type: "button", textContent: name, onclick: () => choosePattern(n) }));
    const row = $id("predictions").tBodies[0].insertRow();
    for (const words of [X[n].join(" "), Y[n][0], "", ""]) row.insertCell().textContent = words;
    row.addEventListener("click", () => choosePattern(n));
  });
  $id("seed").max = NUMBERS.seed[2];
  $id("hidden").max = MOST_HIDDEN;
  document.querySelector(".run-key").hidden = !RUN?.curve.length;
  listen();
  readAddress();
  resize();
  choosePattern(state.pattern);
  requestAnimationFrame(frame);
}

open();
