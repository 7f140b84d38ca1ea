// Encoders and decoders of linear layers with ReLU between them. Arithmetic is in double precision.

export function sigmoid(value) {
  return 1 / (1 + Math.exp(-value));
}

function affine({ inputs, outputs, weight, bias }, input) {
  const output = new Float64Array(outputs);
  for (let o = 0, at = 0; o < outputs; o++) {
    let sum = bias[o];
    for (let i = 0; i < inputs; i++, at++) sum += weight[at] * input[i];
    output[o] = sum;
  }
  return output;
}

// The values behind every layer, the last one's without ReLU.
export function forward(layers, input) {
  const values = [];
  let below = input;
  layers.forEach((layer, at) => {
    below = affine(layer, below);
    if (at < layers.length - 1) {
      for (let i = 0; i < below.length; i++) if (below[i] < 0) below[i] = 0;
    }
    values.push(below);
  });
  return values;
}

// A gradient in the last layer's outputs, brought back to the input: the transposed layers in turn,
// each hidden unit passing on what it gets while it is above zero. `values` are those of forward.
export function backward(layers, values, gradient) {
  let above = gradient;
  for (let at = layers.length - 1; at >= 0; at--) {
    const { inputs, outputs, weight } = layers[at];
    const below = new Float64Array(inputs);
    for (let o = 0; o < outputs; o++) {
      const factor = above[o];
      if (factor === 0) continue;
      const row = o * inputs;
      for (let i = 0; i < inputs; i++) below[i] += factor * weight[row + i];
    }
    if (at > 0) {
      const hidden = values[at - 1];
      for (let i = 0; i < inputs; i++) if (hidden[i] <= 0) below[i] = 0;
    }
    above = below;
  }
  return above;
}

// Code of an image (784 values in [0, 1]): z, and gamma where a family has gates. A latent of a VSC
// is on where gamma exceeds the model's threshold, and exactly zero elsewhere.
export function encode(model, x) {
  const outputs = forward(model.encoder, x).at(-1);
  const mu = outputs.slice(0, model.latents);
  if (model.family === "vae") return { z: mu, gamma: null, active: new Array(mu.length).fill(true) };
  const gamma = outputs.slice(model.latents).map(sigmoid);
  const active = Array.from(gamma, (value) => value > model.threshold);
  return { z: mu.map((value, j) => (active[j] ? value : 0)), gamma, active };
}

// Mean image of a code.
export function decode(model, z) {
  return forward(model.decoder, z).at(-1).map(sigmoid);
}

// Peak signal-to-noise ratio of two images in [0, 1], in dB.
export function psnr(x, other) {
  let squares = 0;
  for (let d = 0; d < x.length; d++) squares += (x[d] - other[d]) ** 2;
  return 10 * Math.log10(x.length / squares);
}
