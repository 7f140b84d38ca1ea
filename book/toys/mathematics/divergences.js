// Kullback-Leibler divergences in nats; vsclib.spike_slab.divergence holds the same on tensors.

export function sigmoid(v) {
  return v >= 0 ? 1 / (1 + Math.exp(-v)) : Math.exp(v) / (1 + Math.exp(v));
}

export function logit(share) {
  return Math.log(share) - Math.log1p(-share);
}

export function softplus(v) {
  return Math.max(v, 0) + Math.log1p(Math.exp(-Math.abs(v)));
}

export function logAddExp(a, b) {
  return Math.max(a, b) + Math.log1p(Math.exp(-Math.abs(a - b)));
}

/** Log-density of a Gaussian. */
export function logNormal(z, mu, sigma) {
  return -0.5 * ((z - mu) / sigma) ** 2 - Math.log(sigma) - 0.5 * Math.log(2 * Math.PI);
}

function massKL(q, p) {
  return q === 0 ? 0 : q * Math.log(q / p);
}

/** KL of two coins. */
export function coinKL(gamma, alpha) {
  return massKL(gamma, alpha) + massKL(1 - gamma, 1 - alpha);
}

/** KL of two Gaussians. */
export function gaussianKL(mu, sigma, muPrior = 0, sigmaPrior = 1) {
  const ratio = sigma / sigmaPrior;
  return 0.5 * (ratio ** 2 + ((mu - muPrior) / sigmaPrior) ** 2 - 1) - Math.log(ratio);
}

/** KL of a spike-and-slab to one with a standard normal slab. */
export function spikeSlabKL(gamma, mu, sigma, alpha) {
  return coinKL(gamma, alpha) + gamma * gaussianKL(mu, sigma);
}

/** The gamma of least cost for a latent that gains so many nats, its slab's KL taken off, by being on. */
export function bestGamma(alpha, gain) {
  return sigmoid(logit(alpha) + gain);
}

/** KL of the two mixtures in which Gaussians of width tau and rho tau stand for the spikes. */
export function narrowKL(gamma, mu, sigma, alpha, tau, rho, points = 401) {
  // The points z = width sinh(t) are fine near zero and coarse far out.
  const width = Math.min(tau, rho * tau);
  const end = Math.asinh(15 / width);
  const step = (2 * end) / (points - 1);
  let total = 0;
  for (let i = 0; i < points; i++) {
    const t = -end + i * step;
    const z = width * Math.sinh(t);
    const q = logAddExp(Math.log(gamma) + logNormal(z, mu, sigma), Math.log1p(-gamma) + logNormal(z, 0, tau));
    const p = logAddExp(Math.log(alpha) + logNormal(z, 0, 1), Math.log1p(-alpha) + logNormal(z, 0, rho * tau));
    total += Math.exp(q) * (q - p) * width * Math.cosh(t) * step;
  }
  return total;
}

/** What two widths add to the KL in the limit: the KL of two narrow Gaussians, for what is off. */
export function widthsSurplus(gamma, rho) {
  return (1 - gamma) * (Math.log(rho) + 0.5 / rho ** 2 - 0.5);
}
