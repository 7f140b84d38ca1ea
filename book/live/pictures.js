// What the page draws: grey pictures, codes as bars, and the paths of a walk. Colours come from the
// page's style, so that both themes and a print have theirs.

function colours(canvas) {
  const style = getComputedStyle(canvas);
  const names = ["ink", "line", "soft", "spike", "prior", "step"];
  return Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}-drawn`)]));
}

// Grid values from 0 (black) to 1 (white), a canvas pixel each.
export function drawGrey(canvas, values, side) {
  canvas.width = canvas.height = side;
  const context = canvas.getContext("2d");
  const image = context.createImageData(side, side);
  for (let at = 0; at < values.length; at++) {
    const grey = Math.round(255 * Math.min(Math.max(values[at], 0), 1));
    image.data.set([grey, grey, grey, 255], 4 * at);
  }
  context.putImageData(image, 0, 0);
}

// A canvas as sharp as the screen; gives its context in CSS pixels.
function fitted(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const { clientWidth: width, clientHeight: height } = canvas;
  canvas.width = Math.max(1, Math.round(width * ratio));
  canvas.height = Math.max(1, Math.round(height * ratio));
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return { context, width, height };
}

// A code: a bar for each latent, a thin tick where it is exactly zero, a dot where a gate is open.
export function drawBars(canvas, code, limit) {
  const { context, width, height } = fitted(canvas);
  const colour = colours(canvas);
  const [count, middle] = [code.z.length, height / 2];
  const room = width / count;
  const scale = (height / 2 - 8) / limit;
  context.fillStyle = colour.line;
  context.fillRect(0, middle - 0.5, width, 1);
  code.z.forEach((value, j) => {
    const left = j * room;
    if (value === 0) {
      context.fillStyle = colour.line;
      context.fillRect(left + room / 2 - 0.5, middle - 3, 1, 6);
      return;
    }
    const size = Math.max(1, Math.min(Math.abs(value), limit) * scale);
    context.fillStyle = colour.ink;
    const wide = Math.max(1, room * 0.7);
    context.fillRect(left + (room - wide) / 2, value > 0 ? middle - size : middle, wide, size);
    if (code.gated && code.active[j]) {
      context.fillStyle = colour.spike;
      context.beginPath();
      const at = value > 0 ? middle - size - 4 : middle + size + 4;
      context.arc(left + room / 2, at, Math.min(3, Math.max(2, room / 3)), 0, 2 * Math.PI);
      context.fill();
    }
  });
}

// The values of all latents over the steps; heavy where a latent is on in the end. `most` is the
// axis' last step, `limit` the largest size shown, `border` where the wide component takes over.
export function drawPaths(canvas, codes, shown, { most, limit, border, active }) {
  const { context, width, height } = fitted(canvas);
  const colour = colours(canvas);
  const left = 30;
  const x = (step) => left + ((width - left - 4) * step) / most;
  const y = (value) => height - 18 - (height - 24) * (0.5 + Math.max(-1, Math.min(1, value / limit)) / 2);
  context.font = "11px system-ui, sans-serif";
  context.fillStyle = colour.soft;
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (const value of [-limit, 0, limit]) {
    context.fillText(String(value).replace("-", "\u2212"), left - 5, y(value));
  }
  context.textBaseline = "alphabetic";
  for (const step of new Set([0, Math.round(most / 3), Math.round((2 * most) / 3), most])) {
    context.textAlign = step === most ? "right" : step ? "center" : "left";
    context.fillText(step === most ? `step ${step}` : String(step), x(step), height - 4);
  }
  const line = (from, to, style, dash = []) => {
    context.strokeStyle = style;
    context.setLineDash(dash);
    context.beginPath();
    context.moveTo(...from);
    context.lineTo(...to);
    context.stroke();
  };
  context.lineWidth = 1;
  line([x(0), y(0)], [x(most), y(0)], colour.line);
  line([x(shown), y(limit)], [x(shown), y(-limit)], colour.step);
  context.setLineDash([]);
  for (const on of [false, true]) {
    context.strokeStyle = on ? colour.ink : colour.line;
    context.lineWidth = on ? 1.3 : 0.6;
    context.beginPath();
    for (let j = 0; j < codes[0].length; j++) {
      if (active[j] !== on) continue;
      codes.forEach((z, step) => context[step ? "lineTo" : "moveTo"](x(step), y(z[j])));
    }
    context.stroke();
  }
  // Last, for the paths would hide it.
  context.lineWidth = 1.5;
  if (border !== null && border < limit) {
    for (const side of [-border, border]) {
      line([x(0), y(side)], [x(most), y(side)], colour.prior, [5, 4]);
    }
  }
}
