// The two-Gaussian prior and walks on its log-joint; vsclib.spike_slab.two_gaussians and
// vsclib.inference hold the same on tensors.

import { logAddExp, logNormal, sigmoid } from "./divergences.js";

/** Log-density of the prior; sigma1 and sigma2 are standard deviations, alpha weighs sigma1. */
export function logPrior(z, alpha, sigma2, sigma1 = 1) {
  return logAddExp(Math.log(alpha) + logNormal(z, 0, sigma1), Math.log1p(-alpha) + logNormal(z, 0, sigma2));
}

/** Probability that the wide Gaussian made a value: the latent is on above one half. */
export function wideShare(z, alpha, sigma2, sigma1 = 1) {
  const prior = Math.log(alpha * sigma2) - Math.log((1 - alpha) * sigma1);
  return sigmoid(prior + 0.5 * z ** 2 * (1 / sigma2 ** 2 - 1 / sigma1 ** 2));
}

/** The prior's pull, its score, as the pulls of two Gaussians. */
export function pull(z, alpha, sigma2, sigma1 = 1) {
  const wide = wideShare(z, alpha, sigma2, sigma1);
  return (-wide * z) / sigma1 ** 2 - ((1 - wide) * z) / sigma2 ** 2;
}

/** The value from which on a latent counts as on; 0 where even zero does. */
export function border(alpha, sigma2, sigma1 = 1) {
  const odds = Math.log(((1 - alpha) * sigma1) / (alpha * sigma2));
  return odds <= 0 ? 0 : Math.sqrt((2 * odds) / (1 / sigma2 ** 2 - 1 / sigma1 ** 2));
}

/** One step of a walk: z + s^2 / 2 times the slope, plus s times the noise. */
export function walked(z, slope, s, noise = 0) {
  return z + 0.5 * s ** 2 * slope + s * noise;
}

// The generator of two latents and three pixels in chapter 9, and the image that it sees.
const PAIR = [
  [1, 0.35],
  [0.2, 0.9],
  [0.3, -0.2],
];
const SEEN = [1.35, 1.1, 0.1];
const PIXEL_SIGMA = 0.28;

function residuals(z) {
  return PAIR.map((row, d) => SEEN[d] - row[0] * z[0] - row[1] * z[1]);
}

/** Log-joint of a pair of latents, up to a constant. */
export function pairHeight(z, alpha, sigma2) {
  const squares = residuals(z).reduce((total, value) => total + value ** 2, 0);
  return -squares / (2 * PIXEL_SIGMA ** 2) + logPrior(z[0], alpha, sigma2) + logPrior(z[1], alpha, sigma2);
}

/** Its slope. */
export function pairSlope(z, alpha, sigma2) {
  const left = residuals(z);
  return [0, 1].map((j) => {
    const likelihood = PAIR.reduce((total, row, d) => total + row[j] * left[d], 0) / PIXEL_SIGMA ** 2;
    return likelihood + pull(z[j], alpha, sigma2);
  });
}

/** Where a climb without noise ends. */
export function pairSummit(z, alpha, sigma2, steps = 400, s = 0.1) {
  for (let i = 0; i < steps; i++) {
    const slope = pairSlope(z, alpha, sigma2);
    z = z.map((value, j) => walked(value, slope[j], s));
  }
  return z;
}
