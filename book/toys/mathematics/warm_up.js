// Four ways to mix in the value of a slab; vsclib.spike_slab.divergence.warm_up is the first.

export const FORMS = {
  variance: (sigma, lambda) => Math.sqrt(lambda * sigma ** 2 + (1 - lambda)),
  "log-variance": (sigma, lambda) => sigma ** lambda,
  "standard deviation": (sigma, lambda) => lambda * sigma + 1 - lambda,
  "square root": (sigma, lambda) => lambda * sigma + Math.sqrt(1 - lambda),
};
