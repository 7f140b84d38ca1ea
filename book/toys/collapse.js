// Chapter 7: a linear VAE trains while you set the weight of its KL, and latents fall silent.

import { counted, shown, sum } from "./base/numbers.js";
import { panels, Plot } from "./base/plot.js";
import { descended, latentError, latentKL, restKL } from "./mathematics/linear_vae.js";

export const title = "A collapse as it happens";
export const ratio = [0.62, 1.35];
export const LAMBDAS = [24, 12, 6, 3, 1.5, 0.75];
const [RATE, INNER, ACTIVE, KEPT, TRAINED, LONGEST] = [0.01, 5, 0.01, 240, 160, 6000];

export const controls = [
  { name: "beta", label: "weight of the KL", lowest: 0.25, highest: 64, log: true, value: 1, shown: (v) => shown(v, v < 10 ? 2 : 0) },
  { name: "fresh", label: "Fresh weights", act: (state) => again(state) },
];

/** A training at this weight that has come some way. */
export function start(values) {
  let state = again(values);
  for (let i = 0; i < TRAINED; i++) state = step(state);
  return state;
}

/** Before the first step. */
export function again(values) {
  const latents = LAMBDAS.map(() => ({ a: 0.05, b: 0.05, logvar: 0 }));
  return { ...values, latents, taken: 0, past: [told(latents)] };
}

function told(latents) {
  return {
    kl: sum(latents.map(latentKL)),
    error: sum(latents.map((latent, j) => latentError(latent, LAMBDAS[j]))) / sum(LAMBDAS),
  };
}

export function step(state) {
  let latents = state.latents;
  for (let i = 0; i < INNER; i++) latents = latents.map((latent, j) => descended(latent, LAMBDAS[j], state.beta, RATE));
  return { ...state, latents, taken: state.taken + INNER, past: [...state.past, told(latents)].slice(-KEPT) };
}

export function finished({ taken }) {
  return taken >= LONGEST;
}

export function draw({ latents, past, beta }, size) {
  const [first, second] = panels(size);
  const left = new Plot(first, { x: [0.4, LAMBDAS.length + 0.6], y: [0, 2.4], xLabel: "latent", yLabel: "KL, nats", xTicks: false });
  latents.forEach((latent, j) => {
    left.bar(j + 1, latentKL(latent), { colour: "slab" });
    const end = restKL(LAMBDAS[j], beta);
    left.line([[j + 0.58, end], [j + 1.42, end]], { colour: "prior", dash: "dashed", width: 2 });
  });
  left.legend([["now", { colour: "slab", width: 6 }], ["where it ends", { colour: "prior", dash: "dashed" }]], { x: 0.45, y: 0.08 });
  const right = new Plot(second, { x: [0, KEPT - 1], y: [0, 1.05], xLabel: "the last steps", yLabel: "share", xTicks: false });
  const most = Math.max(6, ...past.map(({ kl }) => kl));
  right.line(past.map(({ error }, i) => [i, error]), { colour: "reconstruction", width: 2.2 });
  right.line(past.map(({ kl }, i) => [i, kl / most]), { colour: "slab", width: 2.2, dash: "dashed" });
  right.legend([["error left", { colour: "reconstruction" }], [`KL / ${shown(most, 1)} nats`, { colour: "slab", dash: "dashed" }]], { x: 0.3, y: 0.14 });
  return left.toString() + right.toString();
}

export function text({ latents, taken, beta, past }) {
  const speaking = latents.filter((latent) => latentKL(latent) > ACTIVE).length;
  const last = LAMBDAS.filter((lambda) => restKL(lambda, beta) > ACTIVE).length;
  const { kl, error } = past.at(-1);
  return (
    `After ${taken} steps, now at weight ${shown(beta)}: ${speaking} of ${counted(LAMBDAS.length, "latent")} cost more than ${ACTIVE} nat, ${shown(kl)} nats in all, ` +
    `and ${shown(100 * error, 0)} % of the squared error is left. At this weight the training ends with ${last}.`
  );
}
