// Chapter 2: the noise stays where it is; mean and spread move the sample.

import { mean, normal, shown } from "./base/numbers.js";
import { Plot, stroke, whole } from "./base/plot.js";

export const title = "Noise in, sample out";
export const ratio = [0.6, 0.75];
const DRAWS = 16;

export const controls = [
  { name: "mu", label: "μ", lowest: -2, highest: 2, step: 0.05, value: 0.6, shown: (v) => shown(v) },
  { name: "sigma", label: "σ", lowest: 0.05, highest: 1.5, step: 0.05, value: 0.4, shown: (v) => shown(v) },
  { name: "draw", label: "New noise", act: (state) => start({ ...state, seed: state.seed + 1 }) },
];

export function start(values) {
  const seed = values.seed ?? 5;
  const draw = normal(seed);
  return { ...values, seed, noise: Array.from({ length: DRAWS }, draw) };
}

/** The gradients of the mean of z squared by mu and sigma, over these draws. */
export function gradients({ mu, sigma, noise }) {
  const samples = noise.map((epsilon) => mu + sigma * epsilon);
  return { mu: mean(samples.map((z) => 2 * z)), sigma: mean(samples.map((z, i) => 2 * z * noise[i])) };
}

function bell(plot, x, side, centre, spread, colour) {
  const points = Array.from({ length: 81 }, (_, i) => -4 + i * 0.1).map((u) => [
    plot.px(x) + side * 46 * Math.exp(-0.5 * u ** 2),
    plot.place([x, centre + spread * u])[1],
  ]);
  plot.parts.push(stroke(points, { colour, width: 2 }));
}

export function draw({ mu, sigma, noise }, size) {
  const plot = new Plot(whole(size), { x: [-0.3, 1.3], y: [-4, 4], yLabel: "value", xTicks: false, xLabel: " " });
  plot.line([[0, -4], [0, 4]], { colour: "line", width: 1 }).line([[1, -4], [1, 4]], { colour: "line", width: 1 });
  bell(plot, 0, -1, 0, 1, "data");
  bell(plot, 1, 1, mu, sigma, "slab");
  for (const epsilon of noise) {
    plot.line([[0, epsilon], [1, mu + sigma * epsilon]], { colour: "line", width: 1 });
    plot.dot(0, epsilon, { colour: "data", radius: 4 }).dot(1, mu + sigma * epsilon, { colour: "slab", radius: 4 });
  }
  plot.line([[0.94, mu], [1.06, mu]], { width: 2.4 }).words(1, mu, "μ", { dx: 52, dy: 4, bold: true });
  plot.words(0, -4, "noise ε", { anchor: "middle", dy: 17 }).words(1, -4, "sample z = μ + σε", { anchor: "middle", dy: 17 });
  return plot.toString();
}

export function text(state) {
  const { mu, sigma, noise } = state;
  const slopes = gradients(state);
  return (
    `The same ${noise.length} draws of noise, moved to ${shown(mu)} and stretched by ${shown(sigma)}. The gradient of the mean of z² over them is ` +
    `${shown(slopes.mu)} by μ and ${shown(slopes.sigma)} by σ; over all noise it is 2μ = ${shown(2 * mu)} and 2σ = ${shown(2 * sigma)}.`
  );
}
