// Chapter 4: one latent climbs its log-joint under the two-Gaussian prior.

import { clamp, grid, shown } from "./base/numbers.js";
import { Plot } from "./base/plot.js";
import { border, logPrior, pull, walked } from "./mathematics/two_gaussians.js";

export const title = "A ball climbs the two-Gaussian landscape";
export const ratio = [0.82, 1.05];
const [STEP, SIGMA_Y, SHORT, LONGEST] = [0.1, 0.2, 30, 300];
const RANGE = [-0.4, 2.2];

export const controls = [
  { name: "suggested", label: "y, what the image suggests", lowest: 0, highest: 2, step: 0.02, value: 1, shown: (v) => shown(v) },
  { name: "alpha", label: "α", lowest: 0.001, highest: 0.95, log: true, value: 0.01, shown: (v) => shown(v, 3) },
  { name: "sigma2", label: "σ₂, the narrow one", lowest: 0.05, highest: 0.5, step: 0.01, value: 0.1, shown: (v) => shown(v) },
  { name: "back", label: "Back to the start", act: (state) => again(state) },
  { name: "begin", label: "start z", lowest: RANGE[0], highest: RANGE[1], step: 0.02, value: 0, shown: (v) => shown(v) },
];

const height = (z, { suggested, alpha, sigma2 }) => logPrior(z, alpha, sigma2) - 0.5 * ((suggested - z) / SIGMA_Y) ** 2;
const push = (z, { suggested }) => (suggested - z) / SIGMA_Y ** 2;
const slope = (z, state) => push(z, state) + pull(z, state.alpha, state.sigma2);
const place = (state) => state.trail.at(-1);

/** The papers' thirty steps from a start. */
export function start(values) {
  let state = again(values);
  for (let i = 0; i < SHORT; i++) state = step(state);
  return state;
}

export function changed(state) {
  return start(state);
}

/** No step taken. */
export function again(values) {
  return { ...values, trail: [values.begin] };
}

export function step(state) {
  return { ...state, trail: [...state.trail, clamp(walked(place(state), slope(place(state), state), STEP), -3, 4)] };
}

export function finished({ trail }) {
  return trail.length > LONGEST || (trail.length > 1 && Math.abs(trail.at(-1) - trail.at(-2)) < 2e-5);
}

function plots(state, size) {
  const zs = grid(...RANGE, 241);
  const heights = zs.map((z) => [z, height(z, state)]);
  const top = Math.max(...heights.map(([, value]) => value));
  // As far down as the ball has been, within reason.
  const lowest = clamp(height(state.begin, state) - 2, top - 45, top - 14);
  const share = 0.56 * size.height;
  const upper = new Plot({ x: 0, y: 0, width: size.width, height: share }, { x: RANGE, y: [lowest, top + 1.5], yLabel: "log-joint, nats", xTicks: false });
  const lower = new Plot({ x: 0, y: share, width: size.width, height: size.height - share }, { x: RANGE, y: [-30, 30], xLabel: "z", yLabel: "pull, nats per unit of z" });
  return { zs, heights, upper, lower };
}

export function draw(state, size) {
  const { zs, heights, upper, lower } = plots(state, size);
  const edge = border(state.alpha, state.sigma2);
  if (edge > 0) {
    upper.line([[edge, upper.y[0]], [edge, upper.y[1]]], { colour: "line", dash: "dotted", width: 1.2 });
    upper.words(edge, upper.y[0], "on from here", { dx: 4, dy: -5, colour: "soft" });
  }
  upper.line(heights, { width: 2 });
  for (const z of state.trail.slice(0, -1)) upper.dot(z, height(z, state), { colour: "score", radius: 2, edge: "score", opacity: 0.6 });
  const now = place(state);
  const climb = slope(now, state);
  upper.arrow([now, height(now, state)], [clamp(0.02 * climb, -0.4, 0.4), 0]);
  upper.dot(now, height(now, state), { colour: "score", radius: 7 });
  lower.line([[RANGE[0], 0], [RANGE[1], 0]], { colour: "line", width: 1 });
  lower.line(zs.map((z) => [z, push(z, state)]), { colour: "data", dash: "dashed" });
  lower.line(zs.map((z) => [z, pull(z, state.alpha, state.sigma2)]), { colour: "prior", width: 2 });
  lower.line(zs.map((z) => [z, slope(z, state)]), { width: 1.2 });
  lower.dot(now, climb, { colour: "score", radius: 4 });
  lower.legend([["image", { colour: "data", dash: "dashed" }], ["prior", { colour: "prior" }], ["both", { width: 1.2 }]], { x: 0.72, y: 0.1 });
  return upper.toString() + lower.toString();
}

export function text(state) {
  const now = place(state);
  const on = now > border(state.alpha, state.sigma2) ? "on" : "off";
  const still = finished(state) ? "it rests on a summit" : `both pulls together are ${shown(slope(now, state), 1)}`;
  return (
    `The image suggests ${shown(state.suggested)}. After ${state.trail.length - 1} steps z is ${shown(now, 3)}, which counts as ${on}; ${still}. ` +
    `Its log-joint is ${shown(height(now, state), 1)} nats.`
  );
}

export function handles(state, size) {
  const { upper } = plots(state, size);
  const [x, y] = upper.place([place(state), height(place(state), state)]);
  return [
    {
      name: "ball",
      label: `the ball, z ${shown(place(state))}; the left and right arrow keys give it another start`,
      x,
      y,
      move: (now, px) => start({ ...now, begin: clamp(Math.round(upper.value(px, 0)[0] * 50) / 50, ...RANGE) }),
    },
  ];
}
