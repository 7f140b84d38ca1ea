// A decoder in plain loops: half-precision weights in, an image's values out.
// Layers are described by decoder_export.py.

function bytesOf(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

function halfToFloat(half) {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24; // subnormal: no hidden leading one
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

function floatsOf(base64) {
  const bytes = bytesOf(base64);
  return new Float32Array(bytes.buffer, 0, bytes.length / 4);
}

function parameterSizes(layer) {
  if (layer.kind === "linear") return [layer.inputs * layer.outputs, layer.outputs];
  if (layer.kind === "conv_transpose") {
    return [layer.input[0] * layer.output[0] * layer.kernel[0] * layer.kernel[1], layer.output[0]];
  }
  return [0, 0];
}

// Half floats as integers: from base64 of float16, or from the 14 bits that packed.py leaves.
function halvesOf(weights) {
  const bytes = bytesOf(weights);
  return Uint16Array.from({ length: bytes.length / 2 }, (_, i) => bytes[2 * i] | (bytes[2 * i + 1] << 8));
}

function packedHalves(text) {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const digit = new Uint8Array(128);
  for (let i = 0; i < 64; i++) digit[alphabet.charCodeAt(i)] = i;
  const count = Math.floor((3 * text.length) / 7);
  const at = (place) => digit[text.charCodeAt(place)];
  return Uint16Array.from({ length: count }, (_, i) => {
    const last = (at(2 * count + Math.floor(i / 3)) >> (4 - 2 * (i % 3))) & 3;
    return (at(i) << 10) | (at(count + i) << 4) | (last << 2);
  });
}

// The layers with their weights and biases in place.
function readDecoder(layers, halves) {
  const float = Float32Array.from({ length: 65536 }, (_, half) => halfToFloat(half));
  const sizes = layers.map(parameterSizes);
  const expected = sizes.flat().reduce((sum, size) => sum + size, 0);
  if (halves.length !== expected) {
    throw new Error(`the decoder has ${halves.length} weights and its layers need ${expected}`);
  }
  if (halves.some((half) => (half & 0x7c00) === 0x7c00)) {
    throw new Error("a weight of the decoder is not finite");
  }
  let offset = 0;
  const take = (size) => {
    const values = new Float32Array(size);
    for (let i = 0; i < size; i++) values[i] = float[halves[offset++]];
    return values;
  };
  return layers.map((layer, place) => {
    const [stored, bias] = sizes[place].map(take);
    const weight = layer.kind === "conv_transpose" ? outputsLast(layer, stored) : stored;
    return { ...layer, weight, bias };
  });
}

// Kernels from torch's (input, output, row, column) to (input, row, column, output): the innermost
// loop then walks through memory step by step.
function outputsLast(layer, weight) {
  const outputs = layer.output[0];
  const patch = layer.kernel[0] * layer.kernel[1];
  return weight.map((_, at) => {
    const [input, rest] = [Math.floor(at / (patch * outputs)), at % (patch * outputs)];
    return weight[(input * outputs + (rest % outputs)) * patch + Math.floor(rest / outputs)];
  });
}

function linear(layer, input) {
  const { inputs, outputs, weight, bias } = layer;
  const output = new Float32Array(outputs);
  for (let o = 0, at = 0; o < outputs; o++) {
    let sum = bias[o];
    for (let i = 0; i < inputs; i++, at++) sum += weight[at] * input[i];
    output[o] = sum;
  }
  return output;
}

function convTranspose(layer, input) {
  const [inChannels, inHeight, inWidth] = layer.input;
  const [outputs, outHeight, outWidth] = layer.output;
  const [kernelHeight, kernelWidth] = layer.kernel;
  const sums = new Float32Array(outHeight * outWidth * outputs); // (H, W, C)
  let at = 0;
  for (let i = 0; i < inChannels; i++) {
    for (let y = 0; y < inHeight; y++) {
      for (let x = 0; x < inWidth; x++, at++) {
        if (input[at] === 0) continue; // after a ReLU most are
        const top = y * layer.stride[0] - layer.padding[0];
        const left = x * layer.stride[1] - layer.padding[1];
        for (let k = Math.max(0, -top); k < Math.min(kernelHeight, outHeight - top); k++) {
          for (let c = Math.max(0, -left); c < Math.min(kernelWidth, outWidth - left); c++) {
            const from = ((i * kernelHeight + k) * kernelWidth + c) * outputs;
            const to = ((top + k) * outWidth + left + c) * outputs;
            addScaled(sums, to, layer.weight, from, outputs, input[at]);
          }
        }
      }
    }
  }
  const plane = outHeight * outWidth;
  return sums.map((_, place) => {
    const o = Math.floor(place / plane);
    return sums[(place % plane) * outputs + o] + layer.bias[o];
  });
}

function addScaled(sums, to, weight, from, length, factor) {
  for (let o = 0; o < length; o++) sums[to + o] += factor * weight[from + o];
}

// The mean image in [0, 1]: sigmoid of the first `size` outputs, channel by channel.
function decode(decoder, z, size) {
  let values = Float32Array.from(z);
  for (const layer of decoder) {
    if (layer.kind === "linear") values = linear(layer, values);
    else if (layer.kind === "conv_transpose") values = convTranspose(layer, values);
    else values = values.map((value) => Math.max(value, 0));
  }
  return values.slice(0, size).map((value) => 1 / (1 + Math.exp(-value)));
}
