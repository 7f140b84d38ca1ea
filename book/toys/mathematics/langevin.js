// Noisy walks where everything is known: one direction of a Gaussian posterior of a precision.

/** Mean and variance of a walk from zero after some steps, for a posterior of this mean and precision. */
export function law(steps, precision, mean, s) {
  const shrink = 1 - 0.5 * s ** 2 * precision;
  const gone = shrink ** steps;
  return { mean: mean * (1 - gone), variance: restVariance(precision, s) * (1 - gone ** 2) };
}

/** The variance at which a noisy walk rests: wider than the posterior's, most where that is narrow. */
export function restVariance(precision, s) {
  return 1 / (precision * (1 - 0.25 * s ** 2 * precision));
}

/** One noisy step towards a mean. */
export function stepped(z, mean, precision, s, noise) {
  return z - 0.5 * s ** 2 * precision * (z - mean) + s * noise;
}
