// A code without an encoder: steps uphill on log p(x|z) + log p(z) under the two-Gaussian prior,
// p(z_j) = alpha N(0, sigma1^2) + (1 - alpha) N(0, sigma2^2). Chapter 4 derives every line.

import { backward, forward, sigmoid } from "./networks.js";

// Log-odds of the wide component at z: what they are at zero, and their growth with z^2.
function odds({ alpha, sigma1, sigma2 }) {
  const atZero = Math.log(alpha) - Math.log1p(-alpha) + Math.log(sigma2 / sigma1);
  return [atZero, 0.5 * (1 / sigma2 ** 2 - 1 / sigma1 ** 2)];
}

// p(C1 | z), the probability that a value came from the wide component.
export function responsibility(z, prior) {
  const [atZero, growth] = odds(prior);
  return z.map((value) => sigmoid(atZero + growth * value ** 2));
}

// Size from which on a value is more likely the wide component's; null where none or all are.
export function border(prior) {
  const [atZero, growth] = odds(prior);
  return atZero < 0 && growth > 0 ? Math.sqrt(-atZero / growth) : null;
}

// d log p(z) / dz: the pull of each component, weighed by its probability.
export function priorScore(z, prior) {
  const [atZero, growth] = odds(prior);
  const [wide, narrow] = [1 / prior.sigma1 ** 2, 1 / prior.sigma2 ** 2];
  return z.map((value) => {
    const logOdds = atZero + growth * value ** 2;
    return -sigmoid(logOdds) * value * wide - sigmoid(-logOdds) * value * narrow;
  });
}

export function logPrior(z, { alpha, sigma1, sigma2 }) {
  const wideAtZero = Math.log(alpha / sigma1);
  const narrowAtZero = Math.log1p(-alpha) - Math.log(sigma2);
  let sum = -0.5 * z.length * Math.log(2 * Math.PI);
  for (const value of z) {
    const wide = wideAtZero - 0.5 * (value / sigma1) ** 2;
    const narrow = narrowAtZero - 0.5 * (value / sigma2) ** 2;
    const larger = Math.max(wide, narrow);
    sum += larger + Math.log(Math.exp(wide - larger) + Math.exp(narrow - larger));
  }
  return sum;
}

// What pixels are, given the decoder's outputs: log p(x|o) in nats, and its derivative in o, which
// lie before a sigmoid. `mean` is that sigmoid.
const LIKELIHOODS = {
  bernoulli: () => ({
    logProb(x, outputs) {
      return x.reduce(
        (sum, value, d) =>
          sum + value * outputs[d] - Math.max(outputs[d], 0) - Math.log1p(Math.exp(-Math.abs(outputs[d]))),
        0,
      );
    },
    score: (x, mean) => mean.map((value, d) => x[d] - value),
  }),
  gaussian: (sigma) => ({
    logProb(x, outputs, mean) {
      const squares = x.reduce((sum, value, d) => sum + (value - mean[d]) ** 2, 0);
      return -0.5 * (squares / sigma ** 2 + x.length * Math.log(2 * Math.PI * sigma ** 2));
    },
    score: (x, mean) => mean.map((value, d) => ((x[d] - value) / sigma ** 2) * value * (1 - value)),
  }),
};

// The generator's view of a code: mean image, log-likelihood of x, and its derivative in z.
export function look({ decoder, likelihood, sigma }, x, z) {
  const { logProb, score } = LIKELIHOODS[likelihood](sigma);
  const values = forward(decoder, z);
  const outputs = values.at(-1);
  const mean = outputs.map(sigmoid);
  const gradient = backward(decoder, values, score(x, mean));
  return { mean, gradient, logLikelihood: logProb(x, outputs, mean) };
}

// One step: z + s^2 / 2 (gradient + score) + s noise. `normal` draws the noise; null adds none.
export function step(generator, x, z, { prior, stepSize }, normal = null) {
  const { gradient } = look(generator, x, z);
  const score = priorScore(z, prior);
  const pace = 0.5 * stepSize ** 2;
  return z.map((value, j) => {
    const moved = value + pace * (gradient[j] + score[j]);
    return normal ? moved + stepSize * normal() : moved;
  });
}

// All codes of a walk, the first of them zero.
export function walk(generator, x, steps, setting, normal = null) {
  const codes = [new Float64Array(generator.latents)];
  while (codes.length <= steps) codes.push(step(generator, x, codes.at(-1), setting, normal));
  return codes;
}

// Draws from the standard normal: the same seed, the same noise.
export function normals(seed) {
  let state = seed >>> 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0; // mulberry32
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}
