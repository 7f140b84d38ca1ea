// Pictures as SVG text: axes, lines, bars and words in the book's colours. One panel is one Plot.
// Nothing here touches the page, so the same code draws the live picture and the still.

import { clamp } from "./numbers.js";

/** The book's colours; a page's style sheet sets the variables for light and dark. */
export const COLOUR = {
  slab: "var(--toy-slab, #0072b2)",
  spike: "var(--toy-spike, #e69f00)",
  reconstruction: "var(--toy-reconstruction, #009e73)",
  data: "var(--toy-data, #808080)",
  prior: "var(--toy-prior, #b5568b)",
  score: "var(--toy-score, #d55e00)",
  ink: "var(--toy-ink, #222832)",
  soft: "var(--toy-soft, #5a6068)",
  line: "var(--toy-line, #868b91)",
  ground: "var(--toy-ground, #ffffff)",
};
export const DASH = { solid: "", dashed: "6 4", dotted: "1.5 3.5", mixed: "8 3 2 3" };
const LETTER = 6.4; // width of a letter of 12 px, about

export function safe(text) {
  return String(text).replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
}

function short(value) {
  return Math.round(value * 10) / 10;
}

/** Words at a place in pixels. */
export function words(x, y, text, { anchor = "start", colour = "ink", bold = false, size = 12 } = {}) {
  const weight = bold ? "font-weight:600;" : "";
  return `<text x="${short(x)}" y="${short(y)}" text-anchor="${anchor}" style="${weight}font-size:${size}px;fill:${COLOUR[colour]}">${safe(text)}</text>`;
}

function drawn(shape, { colour = "ink", width = 1.6, dash = "solid", fill = "none", opacity = 1 }) {
  const dashes = DASH[dash] ? `;stroke-dasharray:${DASH[dash]}` : "";
  const inside = fill === "none" ? "none" : COLOUR[fill];
  return `<${shape} style="fill:${inside};stroke:${COLOUR[colour]};stroke-width:${width}${dashes};opacity:${opacity}"/>`;
}

/** Lines in pixels; orange gets thin edges of ink, since alone it is too faint on white. */
export function strokes(pieces, look = {}) {
  if (!pieces.length) return "";
  const shape = `path d="${pieces.map((points) => `M${points.map(([x, y]) => `${short(x)} ${short(y)}`).join("L")}`).join("")}"`;
  const edge = look.colour === "spike" ? drawn(shape, { ...look, colour: "ink", width: (look.width ?? 2) + 1.2 }) : "";
  return edge + drawn(shape, look.colour === "spike" ? { width: 2, ...look } : look);
}

export function stroke(points, look = {}) {
  return strokes([points], look);
}

// The part of a segment inside a box, by Liang & Barsky; null where there is none.
function inside([x1, y1], [x2, y2], { left, right, top, bottom }) {
  let [from, to] = [0, 1];
  const [dx, dy] = [x2 - x1, y2 - y1];
  for (const [p, q] of [[-dx, x1 - left], [dx, right - x1], [-dy, y1 - top], [dy, bottom - y1]]) {
    if (p === 0) {
      if (q < 0) return null;
    } else if (p < 0) from = Math.max(from, q / p);
    else to = Math.min(to, q / p);
  }
  return from < to ? [[x1 + from * dx, y1 + from * dy], [x1 + to * dx, y1 + to * dy]] : null;
}

/** The pieces of a line that are inside a box. */
export function cut(points, box) {
  const pieces = [];
  let last = null;
  for (let i = 0; i + 1 < points.length; i++) {
    const part = inside(points[i], points[i + 1], box);
    if (!part || part.flat().some(Number.isNaN)) {
      last = null;
      continue;
    }
    if (last && last.at(-1)[0] === part[0][0] && last.at(-1)[1] === part[0][1]) last.push(part[1]);
    else pieces.push((last = part));
  }
  return pieces;
}

/** A filled circle in pixels with an edge of ink. */
export function dot(x, y, { colour = "ink", radius = 4, edge = "ink", opacity = 1 } = {}) {
  return `<circle cx="${short(x)}" cy="${short(y)}" r="${radius}" style="fill:${COLOUR[colour]};stroke:${COLOUR[edge]};stroke-width:0.8;opacity:${opacity}"/>`;
}

/** Round numbers inside a range, about so many. */
export function ticks(lowest, highest, count = 5) {
  const raw = (highest - lowest) / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw * 0.999);
  const first = Math.ceil(lowest / step - 1e-9);
  const last = Math.floor(highest / step + 1e-9);
  const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  return Array.from({ length: last - first + 1 }, (_, i) => {
    const value = (first + i) * step;
    return { value, text: value.toFixed(decimals).replace("-", "−").replace(/^−(0(\.0*)?)$/, "$1") };
  });
}

/** Powers of ten inside a range, at most so many. */
export function decades(lowest, highest, count = 6) {
  const first = Math.ceil(Math.log10(lowest) - 1e-9);
  const last = Math.floor(Math.log10(highest) + 1e-9);
  const every = Math.ceil((last - first + 1) / count);
  const powers = Array.from({ length: last - first + 1 }, (_, i) => first + i);
  return powers
    .filter((power) => (power - first) % every === 0)
    .map((power) => ({ value: 10 ** power, text: Math.abs(power) <= 3 ? String(10 ** power) : `1e${power}`.replace("-", "−") }));
}

/** One panel: a box in pixels, a range of values, and what is drawn in it. */
export class Plot {
  /** box: {x, y, width, height} of the whole panel; x, y: [lowest, highest]; log: "x", "y". */
  constructor(box, { x, y, log = "", xLabel = "", yLabel = "", left = 38, yTicks = true, xTicks = true, equal = false }) {
    const below = (xTicks ? 18 : 4) + (xLabel ? 17 : 0);
    const above = yLabel ? 22 : 8;
    this.left = box.x + (yTicks ? left : 6);
    this.right = box.x + box.width - 12;
    this.top = box.y + above;
    this.bottom = box.y + box.height - below;
    [this.x, this.y] = equal ? this.#equal(x, y) : [x, y];
    Object.assign(this, { log, xLabel, yLabel, xTicks, yTicks });
    this.parts = [];
  }

  // The same length for one unit along both axes: the shorter range grows around its middle.
  #equal(x, y) {
    const scale = Math.min((this.right - this.left) / (x[1] - x[0]), (this.bottom - this.top) / (y[1] - y[0]));
    const around = (range, length) => [-0.5, 0.5].map((side) => (range[0] + range[1]) / 2 + (side * length) / scale);
    return [around(x, this.right - this.left), around(y, this.bottom - this.top)];
  }

  #share(value, [lowest, highest], log) {
    if (log) return Math.log(value / lowest) / Math.log(highest / lowest);
    return (value - lowest) / (highest - lowest);
  }

  px(value) {
    return this.left + (this.right - this.left) * this.#share(value, this.x, this.log.includes("x"));
  }

  py(value) {
    return this.bottom - (this.bottom - this.top) * this.#share(value, this.y, this.log.includes("y"));
  }

  /** A place in pixels, held inside the panel with a little room above and below. */
  place([x, y]) {
    return [clamp(this.px(x), this.left, this.right), clamp(this.py(y), this.top - 4, this.bottom + 4)];
  }

  /** The value at a place in pixels. */
  value(px, py) {
    const across = (px - this.left) / (this.right - this.left);
    const up = (this.bottom - py) / (this.bottom - this.top);
    return [this.x[0] + across * (this.x[1] - this.x[0]), this.y[0] + up * (this.y[1] - this.y[0])];
  }

  /** The part of a line through values that is inside the panel. */
  line(points, look = {}) {
    const places = points.map(([x, y]) => [this.px(x), this.py(y)]);
    this.parts.push(strokes(cut(places, this), look));
    return this;
  }

  /** A filled area between values and a floor. */
  area(points, { colour = "slab", floor = 0, opacity = 0.25 } = {}) {
    const low = clamp(this.py(floor), this.top, this.bottom);
    const places = points.map((point) => this.place(point));
    const shape = [[places[0][0], low], ...places, [places.at(-1)[0], low]];
    this.parts.push(`<path d="M${shape.map(([x, y]) => `${short(x)} ${short(y)}`).join("L")}Z" style="fill:${COLOUR[colour]};opacity:${opacity}"/>`);
    return this;
  }

  /** A bar from a floor to a value; width in units of x. */
  bar(x, value, { colour = "ink", width = 0.7, floor = 0, outline = false } = {}) {
    const [left, right] = [x - width / 2, x + width / 2].map((side) => this.px(side));
    const [one, other] = [floor, value].map((level) => clamp(this.py(level), this.top, this.bottom));
    const height = Math.abs(one - other);
    const inside = outline ? "none" : COLOUR[colour];
    this.parts.push(`<rect x="${short(left)}" y="${short(Math.min(one, other))}" width="${short(right - left)}" height="${short(Math.max(height, 0.8))}" style="fill:${inside};stroke:${COLOUR[outline ? colour : "ink"]};stroke-width:${outline ? 1.2 : 0.4}"/>`);
    return this;
  }

  dot(x, y, look) {
    this.parts.push(dot(...this.place([x, y]), look));
    return this;
  }

  /** An arrow from a value along a direction in values. */
  arrow([x, y], [dx, dy], { colour = "score", width = 2 } = {}) {
    const [x1, y1] = this.place([x, y]);
    const [x2, y2] = this.place([x + dx, y + dy]);
    const length = Math.hypot(x2 - x1, y2 - y1);
    if (length < 2) return this;
    const [ux, uy] = [(x2 - x1) / length, (y2 - y1) / length];
    const head = Math.min(7, length * 0.6);
    const side = (s) => [x2 - head * ux + s * 0.5 * head * uy, y2 - head * uy - s * 0.5 * head * ux];
    this.parts.push(stroke([[x1, y1], [x2, y2]], { colour, width }), stroke([side(1), [x2, y2], side(-1)], { colour, width }));
    return this;
  }

  /** Words at values, moved by pixels. */
  words(x, y, text, { dx = 0, dy = 0, ...look } = {}) {
    const [px, py] = this.place([x, y]);
    this.parts.push(words(px + dx, py + dy, text, look));
    return this;
  }

  /** What the lines are, one under the other, from a corner of the panel. */
  legend(entries, { x = 0.03, y = 0.08 } = {}) {
    const left = this.left + x * (this.right - this.left);
    entries.forEach(([text, look], i) => {
      const height = this.top + y * (this.bottom - this.top) + 15 * i;
      const mark = look.dot ? dot(left + 11, height - 4, look) : stroke([[left, height - 4], [left + 22, height - 4]], look);
      this.parts.push(mark, words(left + 28, height, text));
    });
    return this;
  }

  #axes() {
    const { left, right, top, bottom } = this;
    const parts = [stroke([[left, top], [left, bottom], [right, bottom]], { colour: "line", width: 1 })];
    const of = (axis, count) => (this.log.includes(axis) ? decades(...this[axis], count) : ticks(...this[axis], count));
    if (this.xTicks) {
      const marks = of("x", clamp(Math.floor((right - left) / 55), 2, 8));
      for (const { value, text } of marks) {
        const x = this.px(value);
        const inside = clamp(x, left, right + 6 - text.length * 0.5 * LETTER);
        parts.push(stroke([[x, bottom], [x, bottom + 4]], { colour: "line", width: 1 }), words(inside, bottom + 16, text, { anchor: "middle", colour: "soft", size: 11.5 }));
      }
    }
    if (this.yTicks) {
      for (const { value, text } of of("y", clamp(Math.floor((bottom - top) / 38), 2, 6))) {
        const y = this.py(value);
        parts.push(stroke([[left - 4, y], [left, y]], { colour: "line", width: 1 }), words(left - 6, y + 4, text, { anchor: "end", colour: "soft", size: 11.5 }));
      }
    }
    const under = bottom + (this.xTicks ? 32 : 15);
    if (this.xLabel) parts.push(words((left + right) / 2, under, this.xLabel, { anchor: "middle" }));
    if (this.yLabel) parts.push(words(this.yTicks ? left - 30 : left, top - 9, this.yLabel));
    return parts.join("");
  }

  toString() {
    return this.#axes() + this.parts.join("");
  }
}

/** The boxes of panels side by side, by their shares, or one under the other on a narrow picture. */
export function panels(size, shares = [0.5, 0.5], { stacked = size.width < 420 } = {}) {
  const wide = !stacked;
  let start = 0;
  return shares.map((share) => {
    const box = wide
      ? { x: start * size.width, y: 0, width: share * size.width, height: size.height }
      : { x: 0, y: start * size.height, width: size.width, height: share * size.height };
    start += share;
    return box;
  });
}

/** The whole picture as one panel. */
export function whole(size) {
  return { x: 0, y: 0, width: size.width, height: size.height };
}
