// Chapter 10: pixels that are black or white are drawn back from noise in few steps or in many.

import { grid, normal, shown } from "./base/numbers.js";
import { Plot, panels } from "./base/plot.js";
import { drawnBack, keptShares } from "./mathematics/diffusion.js";

export const title = "One step answers grey, many decide";
export const ratio = [0.66, 0.95];
const COUNTS = [1, 2, 5, 10, 20, 50];
const [PIXELS, GREY] = [40, 0.8];
const KEPT = keptShares(1000);

export const controls = [
  { name: "choice", label: "steps back", lowest: 0, highest: COUNTS.length - 1, step: 1, value: 2, shown: (v) => String(COUNTS[v]) },
  { name: "draw", label: "New noise", act: (state) => start({ ...state, seed: state.seed + 1 }) },
];

/** Paths of all pixels, and how many steps of them are shown: all. */
export function start(values) {
  const seed = values.seed ?? 1;
  const draw = normal(seed);
  const n = COUNTS[values.choice];
  const paths = Array.from({ length: PIXELS }, () => drawnBack(draw(), KEPT, n));
  return { ...values, seed, paths, taken: n };
}

export function changed(state) {
  return start(state);
}

export function again(state) {
  return { ...state, taken: 0 };
}

export function step(state) {
  return { ...state, taken: Math.min(COUNTS[state.choice], state.taken + 1) };
}

export function finished({ taken, choice }) {
  return taken >= COUNTS[choice];
}

/** How many pixels are neither black nor white. */
export function grey(paths, taken) {
  return paths.filter((path) => Math.abs(path[taken]) < GREY).length;
}

export function draw({ paths, taken, choice }, size) {
  const n = COUNTS[choice];
  const [first, second] = panels(size, [0.74, 0.26], { stacked: false });
  const left = new Plot(first, { x: [0, 1], y: [-2.6, 2.6], xLabel: "from noise to image", yLabel: "pixel", xTicks: false });
  for (const level of [-1, 1]) left.line([[0, level], [1, level]], { colour: "line", width: 1, dash: "dashed" });
  const shownPaths = paths.map((path) => path.slice(0, taken + 1));
  for (const path of shownPaths) {
    left.line(path.map((value, i) => [i / n, value]), { colour: "reconstruction", width: 1, opacity: 0.75 });
    left.dot((path.length - 1) / n, path.at(-1), { colour: "reconstruction", radius: 2.6 });
  }
  left.words(0, 2.6, "noise", { dx: 6, dy: 10, colour: "soft" });
  const right = new Plot(second, { x: [0, PIXELS / 2 + 2], y: [-2.6, 2.6], xLabel: "pixels", yTicks: false, xTicks: false });
  const edges = grid(-2.6, 2.6, 27);
  const values = shownPaths.map((path) => path.at(-1));
  for (let i = 0; i + 1 < edges.length; i++) {
    const count = values.filter((value) => value >= edges[i] && value < edges[i + 1]).length;
    if (count) right.line([[0, (edges[i] + edges[i + 1]) / 2], [count, (edges[i] + edges[i + 1]) / 2]], { colour: "reconstruction", width: Math.max(4, size.height / 50) });
  }
  [["white", 1], ["grey", 0], ["black", -1]].forEach(([label, level]) => right.words(PIXELS / 2 + 2, level, label, { anchor: "end", dy: 4, colour: "soft" }));
  return left.toString() + right.toString();
}

export function text({ paths, taken, choice }) {
  const n = COUNTS[choice];
  const now = taken === n ? `after all of them` : `after ${taken} of them`;
  const white = paths.filter((path) => path[taken] >= GREY).length;
  const left = grey(paths, taken);
  return (
    `${n} step${n === 1 ? "" : "s"} back from noise; ${now}, ${left} of ${PIXELS} pixels are grey, ${white} are white, ${PIXELS - white - left} black. ` +
    (n === 1 ? "One step of the best network jumps to the mean, which is grey." : `The mean of all is ${shown(paths.reduce((t, path) => t + path[taken], 0) / PIXELS)}.`)
  );
}
