// The models of the page as results/live_models.py writes them down: every weight of a layer is one
// printable character that stands for a whole number from -46 to 46, times the scale of its row.

const LEVELS = levelsOfCharacters();
const PIXELS = 784;

// Level of each character code; NaN where the code stands for none.
function levelsOfCharacters() {
  const levels = new Float32Array(128).fill(NaN);
  let level = -46;
  for (let code = 32; code < 127; code++) {
    if (code !== 34 && code !== 92) levels[code] = level++; // neither quote nor backslash
  }
  return levels;
}

export function bytesOf(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

export function floatsOf(base64) {
  const view = new DataView(bytesOf(base64).buffer);
  return Float32Array.from({ length: view.byteLength / 4 }, (_, at) => view.getFloat32(4 * at, true));
}

function check(holds, name, what) {
  if (!holds) throw new Error(`the model ${name} cannot be used: ${what}; load the page again`);
}

function readLayer(stored, inputs, name) {
  const { outputs, weight: text } = stored;
  const [scale, bias] = [floatsOf(stored.scale), floatsOf(stored.bias)];
  check(
    stored.inputs === inputs && text.length === inputs * outputs,
    name,
    `a layer takes ${stored.inputs} values to ${outputs} by ${text.length} weights, ` +
      `${inputs} values arrive`,
  );
  check(
    scale.length === outputs && bias.length === outputs,
    name,
    `${scale.length} scales and ${bias.length} biases for ${outputs} rows`,
  );
  const weight = new Float32Array(inputs * outputs);
  for (let row = 0, at = 0; row < outputs; row++) {
    for (let i = 0; i < inputs; i++, at++) weight[at] = LEVELS[text.charCodeAt(at)] * scale[row];
  }
  check(
    [weight, bias].every((values) => values.every(Number.isFinite)),
    name,
    "a weight is no finite number",
  );
  return { inputs, outputs, weight, bias };
}

// Layers that fit each other, from `inputs` values to `outputs`.
function readChain(layers, inputs, outputs, name) {
  let size = inputs;
  const read = layers.map((stored) => {
    const layer = readLayer(stored, size, name);
    size = layer.outputs;
    return layer;
  });
  check(size === outputs, name, `its layers end in ${size} values instead of ${outputs}`);
  return read;
}

// A model with its weights in place. Heads: mu of a VAE, mu and the gate's log-odds of a VSC.
export function readModel(name, stored) {
  const { family, latents } = stored;
  const heads = { vae: 1, vsc: 2, sparse_generator: 0 }[family];
  check(heads !== undefined, name, `its family ${family} is unknown`);
  const known = stored.likelihood === "bernoulli" || (stored.likelihood === "gaussian" && stored.sigma > 0);
  check(known, name, `its likelihood ${stored.likelihood} (sigma ${stored.sigma}) is unknown`);
  check(latents >= 1 && latents <= 400, name, `${latents} latents are not 1 to 400`);
  return {
    ...stored,
    encoder: heads ? readChain(stored.encoder, PIXELS, heads * latents, name) : null,
    decoder: readChain(stored.decoder, latents, PIXELS, name),
  };
}

export function readModels(data) {
  return Object.fromEntries(
    Object.entries(data.models).map(([name, stored]) => [name, readModel(name, stored)]),
  );
}
