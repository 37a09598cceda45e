// What became of a network, by the definitions of xor_torch/outcome.py.
"use strict";

const TIE = 0.1; // predictions further apart than this belong to different groups
const NEAR = 0.05; // of the level
const PACE = 0.5; // of the loss, in as many epochs again
const CRAWL = 0.01;
const PATTERNS = X.map((row) => row.join(""));
const FRACTIONS = { 0.125: "1/8", 0.25: "1/4", 0.5: "one half" };

function fraction(value) {
  if (value in FRACTIONS) return FRACTIONS[value];
  for (const [number, words] of [[1 / 6, "1/6"], [1 / 3, "1/3"], [2 / 3, "2/3"]]) {
    if (Math.abs(value - number) < 1e-9) return words;
  }
  return value.toPrecision(3);
}

// { name, level, groups }: name is solved, plateau, moving, stuck or diverged; level is the plateau's
// mean squared error; groups are the patterns that get one answer although their targets differ.
function classify(parameters, { lr, loss }, epochs) {
  const pass = forward(X, parameters);
  const mse = meanSquaredError(pass.a2, Y);
  const answers = pass.a2.map((row) => row[0]);
  const targets = Y.map((row) => row[0]);
  const all = [...flatten(parameters), mse];
  if (!all.every(Number.isFinite)) return { name: "diverged", groups: [] };
  if (answers.every((a, n) => a >= 0.5 === targets[n] >= 0.5)) return { name: "solved", groups: [] };

  const gradient = backward(X, Y, parameters, pass, loss);
  const { dW1, db1, dW2, db2 } = gradient;
  const squares = [dW1, db1, dW2, db2].flat(2).map((g) => g * g);
  const followed = followedLoss(pass, Y, loss) / 4;
  const pace = (epochs * lr * sum(squares)) / 4 / followed;
  if (pace > PACE) return { name: "moving", groups: [] };

  const groups = groupsOf(answers);
  const mean = (group) => sum(group.map((n) => targets[n])) / group.length;
  const settled = groups.every((group) => group.every((n) => Math.abs(answers[n] - mean(group)) <= TIE));
  const mixed = groups.filter((group) => mean(group) > 0 && mean(group) < 1);
  const level = sum(groups.map((group) => group.length * spread(mean(group), loss))) / 4;
  if (settled && mixed.length && Math.abs(followed - level) <= NEAR * level) {
    const printed = sum(groups.map((group) => group.length * spread(mean(group), "mse"))) / 4;
    return { name: "plateau", level: printed, groups: mixed, answer: mean(mixed[0]) };
  }
  return { name: pace > CRAWL ? "moving" : "stuck", groups: [] };
}

// Rows in the order of their answers; a group ends where the next answer is more than TIE away.
function groupsOf(answers) {
  const order = answers.map((_, n) => n).sort((m, n) => answers[m] - answers[n]);
  const groups = [[order[0]]];
  for (let k = 1; k < order.length; k++) {
    if (answers[order[k]] - answers[order[k - 1]] > TIE) groups.push([]);
    groups.at(-1).push(order[k]);
  }
  return groups;
}

// The error of a row in a group that answers the mean p of its targets.
function spread(p, loss) {
  if (loss === "mse") return p * (1 - p);
  return p > 0 && p < 1 ? -p * Math.log(p) - (1 - p) * Math.log(1 - p) : 0;
}

// The outcome in a few words, and why it is so.
function tellOutcome(outcome, parameters) {
  const { a1 } = forward(X, parameters);
  if (outcome.name === "plateau") {
    const group = outcome.groups[0].slice().sort();
    const rows = inWords(group.map((n) => PATTERNS[n]));
    const slope = Math.max(...group.flatMap((n) => a1[n]).map(sigmoidDerivative));
    const crossed = a1[0].some((_, j) => new Set(group.map((n) => a1[n][j] > 0.5)).size > 1);
    const where = crossed
      ? `${rows} get nearly the same answer, ${fraction(outcome.answer)}, although their targets differ`
      : `${rows} lie on the same side of every hidden unit's line, so they get the same answer, ${fraction(outcome.answer)}`;
    const why = slope < 0.05
      ? `a line would have to move between them, but the gradient that could move it has the factor ` +
        `a1 (1 \u2212 a1), which is at most ${slope.toPrecision(1)} here`
      : `the gradient that could part them is small, so the network leaves, but slowly`;
    return { short: `stuck at ${fraction(outcome.level)}`, why: `${where}; ${why}.` };
  }
  return {
    solved: { short: "solved", why: "All four answers are on the right side of one half." },
    moving: { short: "still moving", why: "The loss is still falling: more epochs may decide it." },
    stuck: {
      short: "stuck",
      why: "It hardly moves although it is on no plateau: a sigmoid is so far out that it has no slope left.",
    },
    diverged: { short: "diverged", why: "A weight is no longer a finite number: try a smaller learning rate." },
  }[outcome.name];
}

const inWords = (words) => words.slice(0, -1).join(", ") + (words.length > 1 ? " and " : "") + words.at(-1);
