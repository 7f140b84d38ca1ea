// The derivation of the spike-and-slab's KL: narrow Gaussians stand for the spikes, and both shrink.

import { contourAt, contourPath, sampled } from "./base/contours.js";
import { clamp, grid, shown } from "./base/numbers.js";
import { COLOUR, panels, Plot } from "./base/plot.js";
import { narrowKL, spikeSlabKL, widthsSurplus } from "./mathematics/divergences.js";

export const title = "The KL of a spike-and-slab, and two widths that shrink";
export const ratio = [0.66, 1.35];
const [SIGMA, ALPHA] = [0.4, 0.1];
const WIDTHS = [1e-6, 0.1];
const LEVELS = [0.1, 0.3, 0.6, 1, 2, 3, 4, 5];
const surface = sampled((gamma, mu) => spikeSlabKL(gamma, mu, SIGMA, ALPHA), grid(0.01, 0.99, 31), grid(0, 3, 31));

export const controls = [
  { name: "tau", label: "τ, width of q's spike", lowest: WIDTHS[0], highest: WIDTHS[1], log: true, value: 0.01, shown: (v) => (v < 1e-3 ? v.toExponential(0).replace("-", "−") : shown(v, 3)) },
  { name: "rho", label: "ρ, p's width over q's", lowest: 0.5, highest: 8, log: true, value: 3, shown: (v) => shown(v) },
  { name: "gamma", label: "γ", lowest: 0.02, highest: 0.98, step: 0.01, value: 0.6, shown: (v) => shown(v) },
  { name: "mu", label: "μ", lowest: 0, highest: 3, step: 0.05, value: 0.6, shown: (v) => shown(v) },
];

function left(size) {
  return new Plot(panels(size)[0], { x: [0, 1], y: [0, 3], xLabel: "γ", yLabel: "μ of the slab" });
}

export function draw({ tau, rho, gamma, mu }, size) {
  const map = left(size);
  for (const level of LEVELS) map.parts.push(contourPath(map, surface, level, `stroke:${COLOUR.slab};stroke-width:1.2;opacity:${0.35 + 0.13 * Math.min(5, level)}`));
  for (const level of LEVELS.filter((value) => value >= 1)) {
    const x = contourAt(surface, level, 2.55);
    if (x < 0.97) map.words(x, 2.55, String(level), { dx: 3, colour: "soft", size: 11 });
  }
  map.line([[ALPHA, 0], [ALPHA, 3]], { colour: "prior", dash: "dotted", width: 1.4 }).words(ALPHA, 2.85, "α", { dx: 5 });
  map.dot(gamma, mu, { colour: "spike", radius: 7 });
  const exact = spikeSlabKL(gamma, mu, SIGMA, ALPHA);
  const wrong = exact + widthsSurplus(gamma, rho);
  const widths = grid(Math.log(WIDTHS[0]), Math.log(WIDTHS[1]), 18).map(Math.exp);
  const measure = (width) => narrowKL(gamma, mu, SIGMA, ALPHA, width, rho, 241);
  const curve = widths.map((width) => [width, measure(width)]);
  const highest = Math.max(exact, wrong, ...curve.map(([, value]) => value)) * 1.2;
  const plot = new Plot(panels(size)[1], { x: WIDTHS, y: [0, highest], log: "x", xLabel: "τ", yLabel: "KL, nats" });
  plot.line([[WIDTHS[0], exact], [WIDTHS[1], exact]], { dash: "dashed", width: 1.4 });
  plot.words(WIDTHS[1], exact, "closed form", { anchor: "end", dy: 15 });
  plot.line(curve, { colour: "slab", width: 2.2 });
  plot.dot(tau, measure(tau), { colour: "slab", radius: 5 });
  return map.toString() + plot.toString();
}

export function text({ tau, rho, gamma, mu }) {
  const exact = spikeSlabKL(gamma, mu, SIGMA, ALPHA);
  const surplus = widthsSurplus(gamma, rho);
  const end = Math.abs(surplus) < 0.005 ? "As τ shrinks it tends to the closed form." : `As τ shrinks it tends to ${shown(exact + surplus)}: too much by ${shown(surplus)}.`;
  return (
    `The closed form is ${shown(exact)} nats at γ = ${shown(gamma)}, μ = ${shown(mu)}. With spikes of the widths τ and ${shown(rho)} τ ` +
    `the KL is ${shown(narrowKL(gamma, mu, SIGMA, ALPHA, tau, rho))}. ${end}`
  );
}

export function handles({ gamma, mu }, size) {
  const map = left(size);
  return [
    {
      name: "code",
      label: `the posterior: γ ${shown(gamma)}, μ ${shown(mu)}; the arrow keys move it`,
      x: map.px(gamma),
      y: map.py(mu),
      move(state, x, y) {
        const [across, up] = map.value(x, y);
        return { ...state, gamma: clamp(Math.round(across * 100) / 100, 0.02, 0.98), mu: clamp(Math.round(up * 20) / 20, 0, 3) };
      },
    },
  ];
}
