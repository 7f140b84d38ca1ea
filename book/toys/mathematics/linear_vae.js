// A VAE whose encoder and decoder are linear, one latent for each direction of Gaussian data.
//
// Direction j has the variance lambda_j, in units of the pixels' noise variance. With a for the
// decoder's weight, b for the encoder's (both in units of the direction's standard deviation) and
// s for the posterior's standard deviation, the loss of one direction in nats is
//     lambda/2 [(1 - ab)^2 + a^2 s^2] + beta/2 [b^2 + s^2 - 1 - log s^2].

/** A latent's KL in nats. */
export function latentKL({ b, logvar }) {
  return 0.5 * (b ** 2 + Math.exp(logvar) - 1 - logvar);
}

/** Its expected squared error, in units of the noise variance. */
export function latentError({ a, b, logvar }, lambda) {
  return lambda * ((1 - a * b) ** 2 + a ** 2 * Math.exp(logvar));
}

/** The loss of one direction. */
export function latentLoss(latent, lambda, beta) {
  return 0.5 * latentError(latent, lambda) + beta * latentKL(latent);
}

/** A latent after one step of gradient descent on it. */
export function descended({ a, b, logvar }, lambda, beta, rate) {
  const variance = Math.exp(logvar);
  return {
    a: a - rate * lambda * (a * variance - b * (1 - a * b)),
    b: b - rate * (beta * b - lambda * a * (1 - a * b)),
    logvar: logvar - rate * 0.5 * (lambda * a ** 2 * variance + beta * (variance - 1)),
  };
}

/** The KL of a direction where training ends: log(lambda / beta) / 2, or nothing. */
export function restKL(lambda, beta) {
  return lambda > beta ? 0.5 * Math.log(lambda / beta) : 0;
}

/** Nats told and squared error left by the best code at a weight beta. */
export function rateDistortion(lambdas, beta) {
  return {
    rate: lambdas.reduce((total, lambda) => total + restKL(lambda, beta), 0),
    distortion: lambdas.reduce((total, lambda) => total + Math.min(lambda, beta), 0),
  };
}
