// A prior chosen among K, and what choosing costs; vsclib.spike_slab.learned_prior holds it on tensors.

import { gaussianKL, logNormal, sigmoid } from "./divergences.js";

export const SELECTORS = ["responsibilities", "all alike", "soft", "normalised", "printed"];

/** KLs from N(mu, sigma^2) to Gaussians [{mu, sigma}]. */
export function divergences(mu, sigma, priors) {
  return priors.map((prior) => gaussianKL(mu, sigma, prior.mu, prior.sigma));
}

function overSum(weights) {
  const total = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / total);
}

/** The weights of a selector, for its scores and for the KLs. */
export function selection(selector, scores, kls) {
  if (selector === "all alike") return kls.map(() => 1 / kls.length);
  if (selector === "responsibilities") {
    const least = Math.min(...kls);
    return overSum(kls.map((kl) => Math.exp(least - kl)));
  }
  if (selector === "soft") return overSum(scores.map(sigmoid));
  const positive = scores.map((score) => Math.max(0, score));
  const total = Math.max(1e-30, positive.reduce((a, b) => a + b, 0));
  const sharp = positive.map((score) => sigmoid(60 * (score / total - 0.5)));
  return selector === "printed" ? sharp : overSum(sharp);
}

/** What is charged: the weighted KL, and what choosing costs on top (weights that sum to one). */
export function charged(weights, kls) {
  const unpaid = weights.reduce((total, weight, k) => total + weight * kls[k], 0);
  const choice = weights.reduce((total, weight) => total + (weight > 0 ? weight * Math.log(kls.length * weight) : 0), 0);
  return { unpaid, choice };
}

/** KL from N(mu, sigma^2) to the equal mixture of Gaussians, by quadrature. */
export function mixtureKL(mu, sigma, priors, points = 401) {
  let total = 0;
  for (let i = 0; i < points; i++) {
    const u = -8 + (16 * i) / (points - 1);
    const z = mu + sigma * u;
    const terms = priors.map((prior) => logNormal(z, prior.mu, prior.sigma));
    const top = Math.max(...terms);
    const mixture = top + Math.log(terms.reduce((sum, term) => sum + Math.exp(term - top), 0) / priors.length);
    const density = Math.exp(-0.5 * u ** 2) / Math.sqrt(2 * Math.PI);
    total += ((density * 16) / (points - 1)) * (logNormal(z, mu, sigma) - mixture);
  }
  return total;
}
