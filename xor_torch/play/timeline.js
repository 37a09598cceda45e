// A training run: the weights before each epoch, and the changes that the reader has made.
"use strict";

class Timeline {
  // `weights` are flat, see draws.js. `touches` are changes at an epoch, each one of
  //     { epoch, lr }  { epoch, loss }  { epoch, momentum }       settings from that epoch on
  //     { epoch, weight, value }                                  one weight set
  //     { epoch, kick, draw }                                     noise added to all weights
  constructor(weights, hidden, settings, epochs, touches = []) {
    this.hidden = hidden;
    this.size = weights.length;
    this.initial = settings;
    this.epochs = epochs;
    this.touches = touches;
    this.rows = new Float64Array((epochs + 1) * this.size); // row k: the weights at epoch k
    this.velocities = new Float64Array((epochs + 1) * this.size);
    this.losses = new Float64Array(epochs + 1); // the mean squared error, whichever loss is followed
    this.norms = new Float64Array(epochs + 1); // the length of the gradient that is followed
    this.rows.set(weights);
    this.settings = { ...settings }; // those of the last known epoch
    this.known = -1;
    this.arrive(0, this.parametersAt(0));
  }

  flatAt(epoch) {
    return this.rows.subarray(epoch * this.size, (epoch + 1) * this.size);
  }

  parametersAt(epoch) {
    return unflatten(this.flatAt(epoch), this.hidden);
  }

  velocityAt(epoch) {
    const start = epoch * this.size;
    return unflatten(this.velocities.subarray(start, start + this.size), this.hidden);
  }

  settingsAt(epoch) {
    const settings = { ...this.initial };
    for (const touch of this.touches) {
      if (touch.epoch <= epoch) for (const name in settings) settings[name] = touch[name] ?? settings[name];
    }
    return settings;
  }

  // Train until `epoch`, or until `isLate()`. Returns whether `epoch` is reached.
  trainUntil(epoch, isLate = () => false) {
    while (this.known < epoch) {
      for (let n = 0; n < 50 && this.known < epoch; n++) this.step();
      if (isLate()) break;
    }
    return this.known >= epoch;
  }

  // Let the run have more epochs than it was made for.
  makeRoom(epochs) {
    const longer = (array, length) => {
      const copy = new Float64Array(length);
      copy.set(array);
      return copy;
    };
    for (const name of ["rows", "velocities"]) this[name] = longer(this[name], (epochs + 1) * this.size);
    for (const name of ["losses", "norms"]) this[name] = longer(this[name], epochs + 1);
    this.epochs = epochs;
  }

  step() {
    const { lr, momentum } = this.settings;
    const next = descend(this.parameters, momentum ? this.velocityAt(this.known) : null, this.gradient, lr, momentum);
    const start = (this.known + 1) * this.size;
    flatten(next.parameters, this.rows, start);
    if (momentum) flatten(next.velocity, this.velocities, start);
    this.arrive(this.known + 1, next.parameters);
  }

  // The weights of `epoch` are known: apply its touches, then look at what the network answers.
  arrive(epoch, parameters) {
    let touched = false;
    for (const touch of this.touches) {
      if (touch.epoch !== epoch) continue;
      this.apply(touch);
      touched = true;
    }
    this.lookAt(epoch, touched ? this.parametersAt(epoch) : parameters);
  }

  lookAt(epoch, parameters) {
    this.known = epoch;
    this.parameters = parameters;
    this.pass = forward(X, parameters);
    this.losses[epoch] = meanSquaredError(this.pass.a2, Y);
    this.gradient = backward(X, Y, parameters, this.pass, this.settings.loss);
    this.norms[epoch] = lengthOf(this.gradient);
  }

  apply(touch) {
    const flat = this.flatAt(touch.epoch);
    if ("weight" in touch) flat[touch.weight] = touch.value;
    if ("kick" in touch) {
      for (let i = 0; i < flat.length; i++) {
        flat[i] += touch.kick * DRAWS[(touch.draw * DRAWS_PER_SEED + i) % DRAWS.length];
      }
    }
    for (const name in this.settings) this.settings[name] = touch[name] ?? this.settings[name];
  }

  // Change something at an epoch that is known. The later epochs are dropped and trained again.
  touch(touch) {
    const replaced = (old) =>
      old.epoch > touch.epoch ||
      (old.epoch === touch.epoch && !("kick" in old) && keyOf(old) === keyOf(touch));
    this.touches = this.touches.filter((old) => !replaced(old));
    this.touches.push(touch);
    this.settings = this.settingsAt(touch.epoch);
    this.apply(touch);
    this.lookAt(touch.epoch, this.parametersAt(touch.epoch));
  }
}

// The length of the vector of all gradients.
function lengthOf({ dW1, db1, dW2, db2 }) {
  let total = 0;
  for (const gradient of [dW1, db1, dW2, db2]) for (const row of gradient) for (const d of row) total += d * d;
  return Math.sqrt(total);
}

// What a touch changes: two touches with the same key at the same epoch cannot both hold.
function keyOf(touch) {
  return "weight" in touch ? `weight ${touch.weight}` : Object.keys(touch).find((name) => name !== "epoch");
}
