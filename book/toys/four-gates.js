// Chapter 3: what four gates make of the same noise, and the gradient that each of them gives.

import { grid, mean, shown } from "./base/numbers.js";
import { panels, Plot } from "./base/plot.js";
import { gate, GATES, meanGate } from "./mathematics/gates.js";

export const title = "Four gates and their gradients";
export const ratio = [0.62, 1.15];
export const controls = [
  { name: "kind", label: "gate", options: GATES, value: "relaxed" },
  { name: "gamma", label: "γ", lowest: 0.02, highest: 0.98, step: 0.01, value: 0.3, shown: (v) => shown(v) },
  {
    name: "sharpness",
    label: "slope c, or 1/T",
    lowest: 1,
    highest: 100,
    log: true,
    value: 10,
    shown: (v) => shown(v, 1),
    unused: ({ kind }) => kind === "hard step",
  },
];

export function draw({ kind, gamma, sharpness }, size) {
  const [first, second] = panels(size);
  const noises = grid(0.001, 0.999, 401);
  const values = noises.map((noise) => gate(kind, noise, gamma, sharpness));
  const left = new Plot(first, { x: [0, 1], y: [-0.05, 1.1], xLabel: "noise η", yLabel: "gate w" });
  left.area(noises.map((noise, i) => [noise, values[i].value]), { colour: "spike", opacity: 0.3 });
  left.line(noises.map((noise, i) => [noise, values[i].value]), { colour: "spike" });
  left.line([[1 - gamma, 0], [1 - gamma, 1.1]], { colour: "line", dash: "dotted", width: 1.2 });
  left.words(1 - gamma, 1.06, "1 − γ", { dx: gamma > 0.6 ? 5 : -5, anchor: gamma > 0.6 ? "start" : "end" });
  const steepest = Math.max(2, ...values.map(({ gradient }) => gradient)) * 1.1;
  const right = new Plot(second, { x: [0, 1], y: [0, steepest], xLabel: "noise η", yLabel: "gradient ∂w/∂γ" });
  const gradients = noises.map((noise, i) => [noise, values[i].gradient]);
  right.area(gradients, { colour: "score", opacity: 0.2 }).line(gradients, { colour: "score", width: 2 });
  right.line([[0, 1], [1, 1]], { colour: "line", dash: "dashed", width: 1.2 });
  const average = meanGate(kind, gamma, sharpness).gradient;
  right.dot(0, average, { colour: "score", radius: 5 });
  right.words(0.02, average, "mean", { dx: 8, dy: average > 0.8 * steepest ? 14 : -6 });
  return left.toString() + right.toString();
}

export function text({ kind, gamma, sharpness }) {
  const { value, gradient } = meanGate(kind, gamma, sharpness);
  const decided = mean(grid(0.0005, 0.9995, 1000).map((noise) => (Math.abs(gate(kind, noise, gamma, sharpness).value - 0.5) > 0.499999 ? 1 : 0)));
  const slope = kind === "hard step" ? "it has no gradient" : `its mean gradient is ${shown(gradient)}`;
  return (
    `The ${kind} gate at γ = ${shown(gamma)}: its mean is ${shown(value)}, ${slope} (right would be 1), ` +
    `and it is exactly 0 or 1 for ${shown(100 * decided, 0)} % of the noise.`
  );
}
