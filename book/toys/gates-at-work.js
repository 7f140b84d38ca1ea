// Chapter 11: three gates on the same projections: who is on, and what it does to the values.

import { normal, shown } from "./base/numbers.js";
import { Plot, whole } from "./base/plot.js";
import { bestStretch, coded, GATES, unexplained } from "./mathematics/sparse_gates.js";

export const title = "Threshold against top-k";
const LATENTS = 16;

export const controls = [
  { name: "gate", label: "gate", options: GATES, value: GATES[0] },
  { name: "level", label: "price, or threshold", lowest: 0, highest: 2.5, step: 0.05, value: 0.8, shown: (v) => shown(v), unused: ({ gate }) => gate === "top-k" },
  { name: "k", label: "k", lowest: 1, highest: LATENTS, step: 1, value: 4, shown: (v) => String(v), unused: ({ gate }) => gate !== "top-k" },
  { name: "draw", label: "Another image", act: (state) => start({ ...state, seed: state.seed + 1 }) },
];

/** The image's projections: a few large, the others near zero; some images have more. */
export function start(values) {
  const seed = values.seed ?? 3;
  const draw = normal(seed);
  const large = 2 + (Math.abs(Math.round(3 * draw())) % 6);
  const projections = Array.from({ length: LATENTS }, (_, j) => ((j * 7) % LATENTS < large ? 1.6 + 0.8 * draw() : 0.35 * draw()));
  return { ...values, seed, projections };
}

export function draw({ gate, projections, level, k }, size) {
  const code = coded(gate, projections, level, k);
  const plot = new Plot(whole(size), { x: [0.2, LATENTS + 0.8], y: [-1, 4], xLabel: "latent", yLabel: "value", xTicks: false });
  plot.line([[0.2, 0], [LATENTS + 0.8, 0]], { colour: "line", width: 1 });
  if (gate !== "top-k") plot.line([[0.2, level], [LATENTS + 0.8, level]], { colour: "spike", dash: "dashed", width: 1.6 });
  projections.forEach((a, j) => {
    plot.bar(j + 1, a, { colour: "data", outline: true });
    if (code[j] > 0) plot.bar(j + 1, code[j], { colour: "slab", width: 0.5 });
    else plot.line([[j + 0.75, 0], [j + 1.25, 0]], { width: 2.4 });
  });
  plot.legend([["projection", { colour: "data", width: 3 }], ["code", { colour: "slab", width: 6 }], ["exact zero", { width: 2.4 }]], { x: 0.52, y: 0.06 });
  return plot.toString();
}

export function text({ gate, projections, level, k }) {
  const code = coded(gate, projections, level, k);
  const on = code.filter((z) => z > 0).length;
  const rule = gate === "top-k" ? `Top-k, k = ${k}` : `${gate[0].toUpperCase()}${gate.slice(1)} at ${shown(level)}`;
  return (
    `${rule}: ${on} of ${LATENTS} latents are on, and ${shown(100 * unexplained(projections, code), 0)} % of the image's squared size is left out. ` +
    `The code would be best if it were stretched by ${shown(bestStretch(projections, code))}.`
  );
}
