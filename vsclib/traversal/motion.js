// What moves a code without a hand on it: walks, the way between two codes, and draws. Pure functions.

// A latent's value on its walk from -limit to limit, at t in [0, 1].
function walkValue(limit, t) {
  return limit * (2 * t - 1);
}

// Between two codes at t in [0, 1]: z is the straight line between them, and a latent is on where z
// holds a share of a code in which it is on.
function between(from, to, t) {
  const z = from.z.map((value, j) => (1 - t) * value + t * to.z[j]);
  const on = from.on.map((gate, j) => ((t < 1 && gate) || (t > 0 && to.on[j]) ? 1 : 0));
  return { z, on };
}

// There and back again, as a clock in seconds runs on.
function backAndForth(start, seconds, period) {
  const way = (start + seconds / period) % 2;
  return way <= 1 ? way : 2 - way;
}

// Uniform numbers in [0, 1) from a seed (the generator mulberry32), so that a draw can be repeated.
function uniforms(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

// A standard normal number from two uniform ones (Box and Muller).
function normal(uniform) {
  return Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}

// How large the values are that a model's images have where they are on: the root of the mean square.
function spreadOf(codes, active) {
  let [sum, count] = [0, 0];
  codes.forEach((value, at) => {
    if (active[at]) [sum, count] = [sum + value * value, count + 1];
  });
  return count ? Math.sqrt(sum / count) : 1;
}

function psnr(mean, image) {
  const error = mean.reduce((sum, value, p) => sum + (value - image[p]) ** 2, 0) / mean.length;
  return 10 * Math.log10(1 / Math.max(error, 1e-10));
}

// -- the state of a widget as a part of an address: IMAGE;LATENT:VALUE,LATENT:off~... with one list
// for each model, of the latents that differ from the image's own code.

function writeAddress(image, models) {
  const lists = models.map(({ own, now }) => {
    const moved = [...now.z.keys()].filter((j) => now.z[j] !== own.z[j] || now.on[j] !== own.on[j]);
    return moved.map((j) => `${j}:${now.on[j] ? Number(now.z[j].toPrecision(5)) : "off"}`).join(",");
  });
  const text = lists.join("~").replace(/~+$/, "");
  return text ? `${image};${text}` : image ? `${image}` : "";
}

// The image and, for each model, pairs of a latent and its value (null: off); an error says in one
// line what is wrong.
function readAddress(text, count, models) {
  const [first, rest = ""] = text.split(";", 2);
  const whole = (part, most, name) => {
    if (!/^\d+$/.test(part) || Number(part) > most) {
      throw new Error(`the address asks for ${name} ${part.slice(0, 12) || "(none)"}; there are 0 to ${most}`);
    }
    return Number(part);
  };
  const image = whole(first, count - 1, "image");
  const lists = rest ? rest.split("~") : [];
  if (lists.length > models.length) throw new Error("the address asks for more models than there are");
  return { image, moves: lists.map((list, place) => {
    const { J, limit, gated } = models[place];
    return list.split(",").filter(Boolean).map((pair) => {
      const [latent, value = ""] = pair.split(":", 2);
      const j = whole(latent, J - 1, "latent");
      if (value === "off" && gated) return [j, null];
      if (!/^-?\d+(\.\d+)?(e-?\d+)?$/.test(value) || Math.abs(Number(value)) > limit) {
        throw new Error(`the address gives latent ${j} the value ${value.slice(0, 12) || "(none)"}; `
          + `values are ${-limit} to ${limit}${gated ? ", or off" : ""}`);
      }
      return [j, Number(value)];
    });
  }) };
}
