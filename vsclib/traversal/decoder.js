// A decoder in plain loops: half-precision weights in, an image's values out. Layers are described by decoder_export.py.

export function bytesOf(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

export function halfToFloat(half) {
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

// The layers with their weights and biases in place, from base64 of float16.
export function readDecoder(layers, base64) {
  const bytes = bytesOf(base64);
  const view = new DataView(bytes.buffer);
  let offset = 0;
  const take = (size) => {
    const values = new Float32Array(size);
    for (let i = 0; i < size; i++, offset += 2) values[i] = halfToFloat(view.getUint16(offset, true));
    return values;
  };
  return layers.map((layer) => {
    const [weight, bias] = parameterSizes(layer);
    return { ...layer, weight: take(weight), bias: take(bias) };
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
  const [outChannels, outHeight, outWidth] = layer.output;
  const [kernelHeight, kernelWidth] = layer.kernel;
  const plane = outHeight * outWidth;
  const output = new Float32Array(outChannels * plane);
  for (let o = 0; o < outChannels; o++) output.fill(layer.bias[o], o * plane, (o + 1) * plane);
  let at = 0;
  for (let i = 0; i < inChannels; i++) {
    for (let y = 0; y < inHeight; y++) {
      for (let x = 0; x < inWidth; x++, at++) {
        const value = input[at];
        if (value === 0) continue; // after a ReLU most are
        const top = y * layer.stride[0] - layer.padding[0];
        const left = x * layer.stride[1] - layer.padding[1];
        const firstColumn = Math.max(0, -left);
        const endColumn = Math.min(kernelWidth, outWidth - left);
        for (let o = 0; o < outChannels; o++) {
          for (let k = Math.max(0, -top); k < Math.min(kernelHeight, outHeight - top); k++) {
            const row = ((i * outChannels + o) * kernelHeight + k) * kernelWidth;
            const target = o * plane + (top + k) * outWidth + left;
            for (let c = firstColumn; c < endColumn; c++) output[target + c] += value * layer.weight[row + c];
          }
        }
      }
    }
  }
  return output;
}

// The mean image in [0, 1]: sigmoid of the first `size` outputs, channel by channel.
export function decode(decoder, z, size) {
  let values = Float32Array.from(z);
  for (const layer of decoder) {
    if (layer.kind === "linear") values = linear(layer, values);
    else if (layer.kind === "conv_transpose") values = convTranspose(layer, values);
    else values = values.map((value) => Math.max(value, 0));
  }
  return values.slice(0, size).map((value) => 1 / (1 + Math.exp(-value)));
}
