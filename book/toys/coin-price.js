// Chapter 3: what the coin costs, and for which gain a gate opens.

import { grid, shown } from "./base/numbers.js";
import { Plot, whole } from "./base/plot.js";
import { bestGamma, coinKL } from "./mathematics/divergences.js";

export const title = "The price of a coin";
export const controls = [
  { name: "alpha", label: "α, the prior's share of on", lowest: 0.005, highest: 0.5, log: true, value: 0.05, shown: (v) => shown(v, 3) },
  { name: "gamma", label: "γ, of this image", lowest: 0, highest: 1, step: 0.01, value: 0.6, shown: (v) => shown(v) },
  { name: "gain", label: "gain of being on, nats", lowest: 0, highest: 8, step: 0.1, value: 3.5, shown: (v) => shown(v, 1) },
];

export function draw({ alpha, gamma, gain }, size) {
  const plot = new Plot(whole(size), { x: [0, 1], y: [-5, 5.5], xLabel: "γ", yLabel: "nats" });
  const shares = grid(0, 1, 161);
  const total = (share) => coinKL(share, alpha) - share * gain;
  const best = bestGamma(alpha, gain);
  plot.line([[0, 0], [1, 0]], { colour: "line", width: 1 });
  plot.line(shares.map((share) => [share, coinKL(share, alpha)]), { colour: "spike" });
  plot.line(shares.map((share) => [share, total(share)]), { dash: "dashed" });
  plot.line([[alpha, 0], [alpha, 5.5]], { colour: "prior", dash: "dotted", width: 1.4 });
  plot.words(alpha, 5.5, "α", { dx: 5, dy: 12 });
  plot.dot(gamma, coinKL(gamma, alpha), { colour: "spike", radius: 5 });
  plot.dot(gamma, total(gamma), { colour: "ground", radius: 4 });
  plot.dot(best, total(best), { colour: "slab", radius: 5 });
  plot.words(best, total(best), "best γ", { dy: 18, dx: best > 0.8 ? -6 : 0, anchor: best > 0.8 ? "end" : best < 0.2 ? "start" : "middle" });
  plot.legend([["cost of the coin", { colour: "spike" }], ["cost minus what it gains", { dash: "dashed" }]], { x: 0.2, y: 0.06 });
  return plot.toString();
}

export function text({ alpha, gamma, gain }) {
  const best = bestGamma(alpha, gain);
  return (
    `At α = ${shown(alpha, 3)} this γ costs ${shown(coinKL(gamma, alpha))} nats; being surely on costs ${shown(-Math.log(alpha))}. ` +
    `For a gain of ${shown(gain, 1)} nats the best γ is ${shown(best)}: the gate ${best > 0.5 ? "opens" : "stays shut"}.`
  );
}
