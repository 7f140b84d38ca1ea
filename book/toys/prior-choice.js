// Chapter 6: an image's code is charged for a prior that is chosen among three, and for the choice.

import { clamp, grid, shown, sum } from "./base/numbers.js";
import { panels, Plot } from "./base/plot.js";
import { charged, divergences, mixtureKL, selection, SELECTORS } from "./mathematics/choice.js";
import { logNormal } from "./mathematics/divergences.js";

export const title = "Choosing a prior, and paying for it";
export const ratio = [0.66, 1.4];
export const PRIORS = [-2, 0, 2].map((mu) => ({ mu, sigma: 0.5 }));
const SIGMA = 0.3;

export const controls = [
  { name: "kind", label: "weights from", options: SELECTORS, value: SELECTORS[0] },
  { name: "mu", label: "μ of the image's code", lowest: -3, highest: 3, step: 0.05, value: 1.8, shown: (v) => shown(v) },
  {
    name: "score",
    label: "how sure the selector is",
    lowest: 1,
    highest: 6,
    step: 0.1,
    value: 1,
    shown: (v) => shown(v, 1),
    unused: ({ kind }) => kind === "responsibilities" || kind === "all alike",
  },
];

/** Weights and charges of a state. The selector's highest score is that of the nearest prior. */
export function charges({ kind, mu, score }) {
  const kls = divergences(mu, SIGMA, PRIORS);
  const nearest = kls.indexOf(Math.min(...kls));
  const scores = kls.map((_, k) => (k === nearest ? score : 2 - score));
  const weights = selection(kind, scores, kls);
  return { weights, ...charged(weights, kls), mixture: mixtureKL(mu, SIGMA, PRIORS) };
}

export function draw(state, size) {
  const [first, second] = panels(size, [0.58, 0.42]);
  const { weights, unpaid, choice, mixture } = charges(state);
  const zs = grid(-4, 4, 241);
  const left = new Plot(first, { x: [-4, 4], y: [0, 1.6], xLabel: "z", yLabel: "density, and each prior's weight" });
  const density = ({ mu, sigma }) => zs.map((z) => [z, Math.exp(logNormal(z, mu, sigma))]);
  PRIORS.forEach((prior, k) => {
    left.area(density(prior), { colour: "prior", opacity: 0.08 + 0.5 * Math.min(1, weights[k]) });
    left.line(density(prior), { colour: "prior", dash: "dashed" });
    left.words(prior.mu, 0.87, shown(weights[k]), { anchor: "middle" });
  });
  left.line(density({ mu: state.mu, sigma: SIGMA }), { colour: "slab", width: 2.2 });
  left.words(state.mu, 1.42, "code", { anchor: "middle" });
  const printed = state.kind === "printed";
  const highest = Math.max(3, Math.min(14, 1.15 * Math.max(unpaid + Math.max(0, choice), mixture)));
  const right = new Plot(second, { x: [0.4, 3.6], y: [0, highest], yLabel: "nats", xTicks: false, xLabel: " " });
  right.bar(1, unpaid, { colour: "slab" });
  if (!printed) {
    right.bar(2, unpaid, { colour: "slab" });
    if (choice > 1e-3) right.bar(2, unpaid + choice, { colour: "spike", floor: unpaid });
  }
  right.bar(3, mixture, { colour: "prior" });
  ["unpaid", "paid", "mixture"].forEach((label, i) => right.words(i + 1, 0, label, { anchor: "middle", dy: 16 }));
  [unpaid, printed ? Number.NaN : unpaid + choice, mixture].forEach((value, i) => {
    const place = Number.isFinite(value) ? value : 0;
    right.words(i + 1, Math.min(place, highest), Number.isFinite(value) ? shown(value) : "none", { anchor: "middle", dy: -5 });
  });
  return left.toString() + right.toString();
}

export function text(state) {
  const { weights, unpaid, choice, mixture } = charges(state);
  const total = sum(weights);
  const before = `Weights from: ${state.kind}. The weighted KL is ${shown(unpaid)} nats; the KL to the mixture of all three is ${shown(mixture)}.`;
  if (Math.abs(total - 1) > 1e-6) return `${before} These weights sum to ${shown(total, 4)}: they are no weights of an average, and nothing bounds what they hide.`;
  return `${before} Choosing costs ${shown(choice)} nats, so the code pays ${shown(unpaid + choice)}: never less than the mixture's.`;
}

export function handles(state, size) {
  const left = new Plot(panels(size, [0.58, 0.42])[0], { x: [-4, 4], y: [0, 1.6], xLabel: "z", yLabel: "density" });
  return [
    {
      name: "code",
      label: `the code, μ ${shown(state.mu)}; the left and right arrow keys move it`,
      x: left.px(state.mu),
      y: left.py(1.25),
      move: (now, x) => ({ ...now, mu: clamp(Math.round(left.value(x, 0)[0] * 20) / 20, -3, 3) }),
    },
  ];
}
