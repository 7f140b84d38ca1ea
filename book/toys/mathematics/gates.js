// Four gates and their gradients by gamma; vsclib.spike_slab.gates holds the same on tensors.

import { logit, sigmoid } from "./divergences.js";

export const GATES = ["hard step", "relaxed", "straight-through", "concrete"];

function sloped(noise, gamma, slope) {
  const value = sigmoid(slope * (noise - 1 + gamma));
  return { value, gradient: slope * value * (1 - value) };
}

/** Value and gradient of a gate for noise in (0, 1); sharpness is c, and 1/T for the concrete gate. */
export function gate(name, noise, gamma, sharpness) {
  const step = noise >= 1 - gamma ? 1 : 0;
  if (name === "hard step") return { value: step, gradient: 0 };
  if (name === "relaxed") return sloped(noise, gamma, sharpness);
  if (name === "straight-through") return { value: step, gradient: sloped(noise, gamma, sharpness).gradient };
  const value = sigmoid((logit(noise) + logit(gamma)) * sharpness);
  return { value, gradient: (sharpness * value * (1 - value)) / (gamma * (1 - gamma)) };
}

/** Mean value and mean gradient of a gate over the noise, by midpoints. */
export function meanGate(name, gamma, sharpness, points = 1000) {
  let [value, gradient] = [0, 0];
  for (let i = 0; i < points; i++) {
    const drawn = gate(name, (i + 0.5) / points, gamma, sharpness);
    value += drawn.value / points;
    gradient += drawn.gradient / points;
  }
  return { value, gradient };
}
