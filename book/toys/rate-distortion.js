// Chapter 2: what beta buys, nat for nat, where the best code is known.

import { grid, shown } from "./base/numbers.js";
import { panels, Plot } from "./base/plot.js";
import { rateDistortion, restKL } from "./mathematics/linear_vae.js";

export const title = "What the weight of the KL buys";
export const ratio = [0.64, 1.35];
export const LAMBDAS = [24, 12, 6, 3, 1.5, 0.75];
const [LOWEST, HIGHEST] = [0.25, 32];

export const controls = [
  { name: "beta", label: "β", lowest: LOWEST, highest: HIGHEST, log: true, value: 2, shown: (v) => shown(v) },
];

export function draw({ beta }, size) {
  const [first, second] = panels(size);
  const left = new Plot(first, { x: [0.4, LAMBDAS.length + 0.6], y: [0, 26], xLabel: "latent", yLabel: "variance / noise's", xTicks: false });
  LAMBDAS.forEach((lambda, j) => {
    left.bar(j + 1, Math.min(lambda, beta), { colour: "reconstruction" });
    if (lambda > beta) left.bar(j + 1, lambda, { colour: "slab", floor: beta });
  });
  left.line([[0.4, beta], [LAMBDAS.length + 0.6, beta]], { colour: "spike", dash: "dashed", width: 2 });
  left.words(LAMBDAS.length + 0.6, beta, "β", { anchor: "end", dy: -7, bold: true });
  left.legend([["told by the code", { colour: "slab", width: 6 }], ["error left", { colour: "reconstruction", width: 6 }]], { x: 0.3, y: 0.06 });
  const most = rateDistortion(LAMBDAS, LOWEST).rate;
  const curve = grid(Math.log(LOWEST), Math.log(HIGHEST), 90).map((at) => rateDistortion(LAMBDAS, Math.exp(at)));
  const right = new Plot(second, { x: [0, Math.ceil(most)], y: [0, 50], xLabel: "KL, nats", yLabel: "squared error" });
  right.line(curve.map(({ rate, distortion }) => [rate, distortion]), { width: 2.2 });
  const { rate, distortion } = rateDistortion(LAMBDAS, beta);
  // One nat more saves 2 beta of squared error in units of the noise, that is beta nats of likelihood.
  const reach = Math.min(2, 12 / beta);
  right.line([-1, 1].map((side) => [rate + side * reach, distortion - side * reach * 2 * beta]), { colour: "spike", dash: "dashed", width: 2 });
  right.dot(rate, distortion, { colour: "spike", radius: 6 });
  right.words(Math.ceil(most), 47, "slope −2β", { anchor: "end" });
  return left.toString() + right.toString();
}

export function text({ beta }) {
  const { rate, distortion } = rateDistortion(LAMBDAS, beta);
  const moving = LAMBDAS.filter((lambda) => restKL(lambda, beta) > 0).length;
  return (
    `At β = ${shown(beta)} the best code moves ${moving} of ${LAMBDAS.length} latents, costs ${shown(rate)} nats and leaves ${shown(distortion)} of squared error, ` +
    `in units of the noise variance. One nat more of code would save ${shown(beta)} nats of likelihood.`
  );
}
