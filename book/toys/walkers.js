// Chapter 9: noisy walks towards a Gaussian posterior with a loud and a quiet direction.

import { grid, normal, shown } from "./base/numbers.js";
import { Plot, panels } from "./base/plot.js";
import { law, restVariance, stepped } from "./mathematics/langevin.js";

export const title = "Langevin walkers, loud and quiet";
export const ratio = [0.62, 1.45];
const [LOUD, QUIET, TURN, WALKERS, SHORT, LONGEST] = [150, 4, 0.5, 120, 30, 300];
const MEAN = turnedBack([0.3, 1.5]);

export const controls = [
  { name: "s", label: "step size s", lowest: 0.02, highest: 0.15, step: 0.005, value: 0.1, shown: (v) => shown(v, 3) },
  { name: "noise", label: "noise", options: ["with noise", "without noise"], value: "with noise" },
  { name: "back", label: "Back to zero", act: (state) => again(state) },
];

// From the plane of the two latents to (loud, quiet), and back.
function turnedBack([x, y]) {
  return [Math.cos(TURN) * x + Math.sin(TURN) * y, -Math.sin(TURN) * x + Math.cos(TURN) * y];
}

function turned([loud, quiet]) {
  return [Math.cos(TURN) * loud - Math.sin(TURN) * quiet, Math.sin(TURN) * loud + Math.cos(TURN) * quiet];
}

/** Walkers after the papers' thirty steps. */
export function start(values) {
  let state = again(values);
  for (let i = 0; i < SHORT; i++) state = step(state);
  return state;
}

/** All walkers at zero. */
export function again(values) {
  return { ...values, taken: 0, places: Array.from({ length: WALKERS }, () => [0, 0]) };
}

export function changed(state) {
  return start(state);
}

export function step(state) {
  const draw = normal(104729 * (state.taken + 1));
  const noise = state.noise === "with noise" ? draw : () => 0;
  const places = state.places.map(([loud, quiet]) => [
    stepped(loud, MEAN[0], LOUD, state.s, noise()),
    stepped(quiet, MEAN[1], QUIET, state.s, noise()),
  ]);
  return { ...state, places, taken: state.taken + 1 };
}

export function finished({ taken }) {
  return taken >= LONGEST;
}

/** Variances over the posterior's after some steps, (loud, quiet). */
export function shares(steps, s) {
  return [
    [LOUD, MEAN[0]],
    [QUIET, MEAN[1]],
  ].map(([precision, mean]) => law(steps, precision, mean, s).variance * precision);
}

function ellipse(plot, centre, variances, look) {
  const points = grid(0, 2 * Math.PI, 73).map((angle) => turned([centre[0] + 2 * Math.sqrt(variances[0]) * Math.cos(angle), centre[1] + 2 * Math.sqrt(variances[1]) * Math.sin(angle)]));
  plot.line(points, look);
}

export function draw({ places, taken, s, noise }, size) {
  const [first, second] = panels(size, [0.56, 0.44]);
  const left = new Plot(first, { x: [-0.5, 2.4], y: [-0.5, 2.6], xLabel: "first latent", yLabel: "second latent", equal: true });
  for (const place of places) left.dot(...turned(place), { colour: "data", radius: 2, edge: "data", opacity: 0.8 });
  ellipse(left, MEAN, [1 / LOUD, 1 / QUIET], { colour: "slab", width: 2 });
  if (noise === "with noise" && taken > 0) {
    const [loud, quiet] = [law(taken, LOUD, MEAN[0], s), law(taken, QUIET, MEAN[1], s)];
    ellipse(left, [loud.mean, quiet.mean], [loud.variance, quiet.variance], { colour: "score", dash: "dashed", width: 2 });
  }
  left.legend([["posterior", { colour: "slab" }], ["law of the walk", { colour: "score", dash: "dashed" }]], { x: 0.3, y: 0.05 });
  const right = new Plot(second, { x: [1, LONGEST], y: [0, 2.4], log: "x", xLabel: "steps", yLabel: "variance / posterior's" });
  right.line([[1, 1], [LONGEST, 1]], { colour: "slab", width: 1.2 });
  const steps = grid(0, Math.log(LONGEST), 60).map((l) => Math.exp(l));
  ["solid", "dashed"].forEach((dash, i) => right.line(steps.map((k) => [k, shares(k, s)[i]]), { colour: "score", dash }));
  if (noise === "with noise" && taken > 0) shares(taken, s).forEach((share) => right.dot(taken, share, { colour: "score", radius: 4 }));
  right.legend([["loud", { colour: "score" }], ["quiet", { colour: "score", dash: "dashed" }]], { x: 0.1, y: 0.06 });
  return left.toString() + right.toString();
}

export function text({ taken, s, noise }) {
  const rest = restVariance(LOUD, s) * LOUD;
  if (noise !== "with noise") {
    const away = law(taken, QUIET, MEAN[1], s).mean / MEAN[1];
    return `${taken} steps without noise: all walkers are one. They have ${shown(100 * away, 0)} % of the way behind them in the quiet direction, and end at the posterior's mean, the MAP code.`;
  }
  const [loud, quiet] = taken ? shares(taken, s) : [0, 0];
  return (
    `After ${taken} steps of s = ${shown(s, 3)} the variance is ${shown(loud)} times the posterior's in the loud direction and ${shown(quiet)} times in the quiet one. ` +
    `In the end the loud one rests at ${shown(rest)}.`
  );
}
