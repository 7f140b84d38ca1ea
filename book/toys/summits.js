// Chapter 9: walkers on the log-joint of two latents, which has four summits.

import { contourPath, sampled } from "./base/contours.js";
import { counted, grid, normal, shown, uniform } from "./base/numbers.js";
import { COLOUR, dot, Plot, stroke, whole } from "./base/plot.js";
import { pairHeight, pairSlope, pairSummit, walked } from "./mathematics/two_gaussians.js";

export const title = "Walkers among four summits";
export const ratio = [0.92, 1];
const [ALPHA, SIGMA2, STEP, SHORT, LONGEST] = [0.01, 0.1, 0.1, 30, 200];
const RANGE = [-0.6, 1.9];
const STARTS = ["a standard normal", "the sparse prior", "zero"];
const height = (z) => pairHeight(z, ALPHA, SIGMA2);
const climb = (z) => pairSummit(z, ALPHA, SIGMA2);

/** The summits, the highest first. */
export const SUMMITS = [[0, 0], [1.5, 0], [0, 1.4], [1, 1]].map(climb).sort((one, other) => height(other) - height(one));
const surface = sampled((x, y) => height([x, y]), grid(-0.8, 2.1, 43), grid(-0.8, 2.1, 43));
const LEVELS = [30, 20, 13, 8, 5, 3, 1.5, 0.5].map((below) => height(SUMMITS[0]) - below);

export const controls = [
  { name: "kind", label: "start from", options: STARTS, value: STARTS[0] },
  { name: "walkers", label: "walkers", lowest: 1, highest: 30, step: 1, value: 12, shown: (v) => String(v) },
  { name: "noise", label: "noise in each step", lowest: 0, highest: 1, step: 0.1, value: 0, shown: (v) => (v ? `${shown(v, 1)} × s` : "none") },
  { name: "draw", label: "New starts", act: (state) => start({ ...state, seed: state.seed + 1 }) },
  { name: "back", label: "Back to the starts", act: (state) => again(state) },
];

/** Walkers after the papers' thirty steps. */
export function start(values) {
  let state = again(values);
  for (let i = 0; i < SHORT; i++) state = step(state);
  return state;
}

/** Walkers at their starts; a seed gives the same ones again. */
export function again(values) {
  const seed = values.seed ?? 1;
  const [gauss, coin] = [normal(seed), uniform(seed + 1000)];
  const begin = { "a standard normal": gauss, "the sparse prior": () => gauss() * (coin() < ALPHA ? 1 : SIGMA2), zero: () => 0 }[values.kind];
  const trails = Array.from({ length: values.walkers }, () => [[begin(), begin()]]);
  return { ...values, seed, taken: 0, trails };
}

export function changed(state) {
  return start(state);
}

export function step(state) {
  const draw = normal(7919 * (state.taken + 1) + state.seed);
  const trails = state.trails.map((trail) => {
    const z = trail.at(-1);
    const slope = pairSlope(z, ALPHA, SIGMA2);
    return [...trail, z.map((value, j) => walked(value, slope[j], STEP, state.noise && state.noise * draw()))];
  });
  return { ...state, trails, taken: state.taken + 1 };
}

export function finished({ taken }) {
  return taken >= LONGEST;
}

/** How many walkers stand on the hill of each summit. */
export function onHills(trails) {
  const counts = SUMMITS.map(() => 0);
  for (const trail of trails) {
    const end = pairSummit(trail.at(-1), ALPHA, SIGMA2, 80);
    const away = SUMMITS.map((summit) => Math.hypot(summit[0] - end[0], summit[1] - end[1]));
    counts[away.indexOf(Math.min(...away))]++;
  }
  return counts;
}

const drawn = new Map(); // the hills do not move: their lines are made once for a size

function hills(plot, key) {
  if (!drawn.has(key)) drawn.set(key, LEVELS.map((level) => contourPath(plot, surface, level, `stroke:${COLOUR.line};stroke-width:1`)).join(""));
  return drawn.get(key);
}

export function draw({ trails }, size) {
  const plot = new Plot(whole(size), { x: RANGE, y: RANGE, xLabel: "first latent", yLabel: "second latent", equal: true });
  plot.parts.push(hills(plot, `${size.width} ${size.height}`));
  const inside = ([x, y]) => x > plot.x[0] && x < plot.x[1] && y > plot.y[0] && y < plot.y[1];
  for (const trail of trails) {
    const seen = trail.filter(inside).slice(-60).map(([x, y]) => [plot.px(x), plot.py(y)]);
    plot.parts.push(stroke(seen, { colour: "score", width: 1, opacity: 0.75 }));
    if (inside(trail.at(-1))) plot.parts.push(dot(...seen.at(-1), { colour: "score", radius: 4 }));
  }
  SUMMITS.forEach(([x, y], i) => {
    const [px, py] = [plot.px(x), plot.py(y)];
    const r = i ? 5 : 9;
    plot.parts.push(`<path d="M${px - r} ${py + 0.8 * r}L${px} ${py - r}L${px + r} ${py + 0.8 * r}Z" style="fill:${COLOUR.slab};stroke:${COLOUR.ink};stroke-width:0.8"/>`);
  });
  plot.words(...SUMMITS[0], "highest", { dx: 12, dy: 14 });
  return plot.toString();
}

export function text({ trails, taken, kind, noise }) {
  const counts = onHills(trails);
  const best = Math.max(...trails.map((trail) => height(trail.at(-1))));
  const lost = height(SUMMITS[0]) - best;
  return (
    `${counted(trails.length, "walker")} from ${kind}, ${taken} steps ${noise ? "with" : "without"} noise: ` +
    `${counts[0]} on the hill of the highest summit, ${counts.slice(1).join(", ")} on those of the others. ` +
    `The best walker stands ${shown(Math.max(0, lost), 1)} nats below the highest summit.`
  );
}
