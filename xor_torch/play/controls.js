// The controls: what they show, and what a click, a touch or a key on them does.
"use strict";

function fillControls() {
  for (const name of ["seed", "hidden"]) $id(name).value = state[name];
  $id("epoch").max = state.epochs;
  choose("epochs", state.epochs, (value) => `${value.toLocaleString("en")} epochs`);
  for (const id of ["stuck", "solved"]) $id(id).value = [...$id(id).options].some((o) => o.value === String(state.seed)) ? state.seed : "";
  for (const name of SWITCHES) $id(name).checked = state[name];
  choose("speed", state.speed, (value) => `${value.toLocaleString("en")} /s`);
  choose("kick-size", state.kick, String);
  applyTheme();
}

// Choose an option by its number; one that the list does not have is added to it.
function choose(id, value, words) {
  if (![...$id(id).options].some((option) => Number(option.value) === value)) {
    $id(id).append(make("option", { value, textContent: words(value) }));
  }
  $id(id).value = value;
}

function applyTheme() {
  const dark = state.theme ? state.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  $id("theme").textContent = dark ? "Light" : "Dark";
  changed();
}

// The lists of seeds: one letter for each, found by a sweep at the notebook's settings.
function fillSeedLists() {
  const groups = { s: [], 8: [], 6: [], 4: [], m: [] };
  [...EMBEDDED.outcomes].forEach((letter, seed) => groups[letter].push(seed));
  const options = (seeds) => seeds.map((seed) => make("option", { value: seed, textContent: seed }));
  const placeholder = (words) => make("option", { value: "", textContent: words });
  $id("solved").append(placeholder(`${groups.s.length} of ${SEEDS}`), ...options(groups.s));
  $id("stuck").append(placeholder(`${SEEDS - groups.s.length} of ${SEEDS}`));
  for (const [letter, words] of [["8", "near 1/8"], ["6", "near 1/6"], ["4", "near 1/4"], ["m", "undecided"]]) {
    if (groups[letter].length) $id("stuck").append(make("optgroup", { label: `${words} (${groups[letter].length})` }, ...options(groups[letter])));
  }
}

function restartWith(name, text) {
  const value = readNumber(name, text);
  if (value === null || (name === "seed" && !weightsOf(value, state.hidden))) {
    say(`${value === null ? rangeOf(name) : noDraws(value)}.`);
    return fillControls();
  }
  state[name] = value;
  if (name === "hidden" && !weightsOf(state.seed, value)) state.seed = 42;
  const { lr, loss, momentum } = timeline.settingsAt(epochShown()); // a new seed keeps what was set
  Object.assign(state, { lr, loss, momentum });
  start([], state.epochs);
}

function changeSetting(name, text) {
  const value = name === "loss" ? text : readNumber(name, text);
  if (value === null) {
    say(`${rangeOf(name)}.`);
    return ($id(name).value = timeline.settingsAt(epochShown())[name]);
  }
  if (epochShown() === 0 && timeline.touches.length === 0) {
    state[name] = value;
    start();
  } else touch({ [name]: value });
}

function choosePattern(n) {
  state.pattern = n;
  [...$id("pattern-buttons").children].forEach((button, k) => button.setAttribute("aria-pressed", k === n));
  changed();
}

function chooseWeight(index) {
  state.weight = index;
  changed();
}

function walk(by) {
  goToLine(Math.min(LINES - 1, Math.max(0, (state.line ?? -1) + by)));
}

function goToLine(line) {
  state.line = line;
  changed();
}

async function share() {
  writeAddress();
  try {
    await navigator.clipboard.writeText(location.href);
    $id("share").textContent = "Copied";
  } catch { // a page from a file may not: the address bar has it
    $id("share").textContent = "It is in the address";
  }
  setTimeout(() => ($id("share").textContent = "Copy link"), 2000);
}

const KEYS = {
  " ": () => setPlaying(!playing), ",": () => step(-1), ".": () => step(1), "[": () => walk(-1), "]": () => walk(1),
  g: () => $id("gradients").click(), k: () => kick(), u: () => undo(), r: () => reset(),
  0: () => choosePattern(0), 1: () => choosePattern(1), 2: () => choosePattern(2), 3: () => choosePattern(3),
};

function listen() {
  const on = (id, event, act) => $id(id).addEventListener(event, () => act($id(id).value));
  on("play", "click", () => setPlaying(!playing));
  on("back", "click", () => step(-1));
  on("forth", "click", () => step(1));
  on("epoch", "input", (value) => { setPlaying(false); position = Number(value); });
  on("speed", "change", (value) => { state.speed = Number(value); changed(); });
  on("kick-size", "change", (value) => { state.kick = Number(value); changed(); });
  on("epochs", "change", (value) => {
    const touches = timeline.touches.filter((touch) => touch.epoch <= Number(value));
    const dropped = timeline.touches.length - touches.length;
    if (dropped) say(`${dropped} ${dropped === 1 ? "change" : "changes"} after epoch ${Number(value).toLocaleString("en")} dropped.`);
    state.epochs = asked = Number(value);
    start(touches, state.epochs);
  });
  for (const name of ["seed", "hidden"]) on(name, "change", (value) => restartWith(name, value));
  for (const list of ["stuck", "solved"]) on(list, "change", (value) => value && restartWith("seed", value));
  for (const name of ["lr", "momentum", "loss"]) on(name, "change", (value) => changeSetting(name, value));
  on("kick", "click", kick);
  on("undo", "click", undo);
  on("reset", "click", reset);
  on("share", "click", share);
  on("theme", "click", () => { state.theme = document.documentElement.dataset.theme === "dark" ? "light" : "dark"; applyTheme(); });
  for (const name of SWITCHES) on(name, "change", () => { state[name] = $id(name).checked; drawnLength = -1; changed(); });
  on("weight", "change", (value) => value !== "" && setWeight(state.weight, Number(value)));
  on("earlier", "click", () => walk(-1));
  on("later", "click", () => walk(1));
  for (const event of ["change", "click"]) addEventListener(event, () => say(""), { capture: true }); // it was read
  addEventListener("keydown", (event) => {
    const inField = event.target.matches("input:not([type=checkbox]):not([type=range]), select, textarea");
    const pressing = event.key === " " && event.target.matches("button, input");
    if (inField || pressing || event.ctrlKey || event.metaKey || event.altKey) return;
    const act = KEYS[event.key.toLowerCase()];
    if (!act) return;
    event.preventDefault();
    act();
  });
  addEventListener("hashchange", readAddress);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", applyTheme);
  const observer = new ResizeObserver(() => { resize(); changed(); });
  for (const id of ["diagram", "curve", "slice"]) observer.observe($id(id));
}
