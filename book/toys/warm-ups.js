// The derivation on warm-up: four ways from noise to value, which agree at both ends only.

import { grid, shown } from "./base/numbers.js";
import { panels, Plot } from "./base/plot.js";
import { gaussianKL, logNormal } from "./mathematics/divergences.js";
import { FORMS } from "./mathematics/warm_up.js";

export const title = "Four warm-ups on their way";
export const ratio = [0.66, 1.4];
export const LOOKS = {
  variance: { colour: "slab", dash: "solid", width: 2.2 },
  "log-variance": { colour: "reconstruction", dash: "dashed", width: 2.2 },
  "standard deviation": { colour: "score", dash: "mixed", width: 2.2 },
  "square root": { colour: "ink", dash: "dotted", width: 2.2 },
};

export const controls = [
  { name: "lambda", label: "λ", lowest: 0, highest: 1, step: 0.01, value: 0.5, shown: (v) => shown(v) },
  { name: "mu", label: "μ, of the encoder", lowest: 0, highest: 3, step: 0.1, value: 1.5, shown: (v) => shown(v, 1) },
  { name: "sigma", label: "σ, of the encoder", lowest: 0.05, highest: 1, step: 0.05, value: 0.1, shown: (v) => shown(v) },
];

export function step(state) {
  return { ...state, lambda: Math.min(1, Math.round(100 * state.lambda + 1) / 100) };
}

export function finished({ lambda }) {
  return lambda >= 1;
}

export function again(state) {
  return { ...state, lambda: 0 };
}

/** KL of the interpolated slab from the prior's. */
export function told(form, { mu, sigma, lambda }) {
  return gaussianKL(lambda * mu, FORMS[form](sigma, lambda));
}

export function draw(state, size) {
  const { lambda, mu, sigma } = state;
  const [first, second] = panels(size);
  const names = Object.keys(FORMS);
  const zs = grid(-3, 4.5, 201);
  const densest = Math.max(0.45, ...names.map((name) => 0.45 / FORMS[name](sigma, lambda)));
  const left = new Plot(first, { x: [-3, 4.5], y: [0, densest], xLabel: "z", yLabel: "density of the slab" });
  left.line(zs.map((z) => [z, Math.exp(logNormal(z, 0, 1))]), { colour: "prior", width: 1.2 });
  left.line([[mu, 0], [mu, densest]], { colour: "line", width: 1, dash: "dotted" }).words(mu, densest, "μ", { dx: 4, dy: 10 });
  for (const name of names) {
    const spread = FORMS[name](sigma, lambda);
    left.line(zs.map((z) => [z, Math.exp(logNormal(z, lambda * mu, spread))]), LOOKS[name]);
  }
  const end = gaussianKL(mu, sigma);
  const right = new Plot(second, { x: [0, 1], y: [0, 1.8 * end + 0.5], xLabel: "λ", yLabel: "KL of the slab, nats" });
  right.line([[0, end], [1, end]], { colour: "prior", dash: "dashed", width: 1.4 });
  right.line([[lambda, 0], [lambda, right.y[1]]], { colour: "line", width: 1 });
  const lambdas = grid(0, 1, 81);
  for (const name of names) {
    right.line(lambdas.map((at) => [at, told(name, { mu, sigma, lambda: at })]), LOOKS[name]);
    right.dot(lambda, told(name, state), { colour: LOOKS[name].colour, radius: 4 });
  }
  right.legend(names.map((name) => [name, LOOKS[name]]), { x: 0.05, y: 0.07 });
  return left.toString() + right.toString();
}

export function text(state) {
  const end = gaussianKL(state.mu, state.sigma);
  const part = (name) => (end > 0 ? shown((100 * told(name, state)) / end, 0) : "0");
  const spreads = Object.keys(FORMS).map((name) => `${shown(FORMS[name](state.sigma, state.lambda))} (${name})`);
  return (
    `At λ = ${shown(state.lambda)} the slab's standard deviation is ${spreads.join(", ")}. ` +
    `Of the encoder's ${shown(end)} nats the variance form has released ${part("variance")} %, the log-variance form ${part("log-variance")} %.`
  );
}
