// What the widget draws with: elements, pictures, and the code as bars.

function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name in node && typeof value !== "string") node[name] = value;
    else node.setAttribute(name, value);
  }
  // JupyterLab would take a control's arrow keys; its shortcuts pass over what has this mark.
  if (["input", "button", "select"].includes(tag)) node.setAttribute("data-lm-suppress-shortcuts", "true");
  node.append(...children);
  return node;
}

// values: C planes of H * W numbers in [0, 1], drawn in 8 bits without interpolation.
function paint(canvas, values, [channels, height, width]) {
  const plane = height * width;
  const image = new ImageData(width, height);
  for (let p = 0; p < plane; p++) {
    for (let c = 0; c < 3; c++) {
      image.data[4 * p + c] = Math.round(255 * values[channels === 3 ? c * plane + p : p]);
    }
    image.data[4 * p + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

function picture(shape, className, name) {
  const [, height, width] = shape;
  return element("canvas", { width, height, class: className, role: "img", "aria-label": name });
}

const SVG = "http://www.w3.org/2000/svg";

// The whole code as bars; an exact zero is a thin tick, an open gate a dot on its bar.
class Bars {
  constructor(count, limit) {
    this.limit = limit;
    this.svg = document.createElementNS(SVG, "svg");
    this.svg.setAttribute("viewBox", `0 0 ${count} 100`);
    this.svg.setAttribute("preserveAspectRatio", "none");
    this.svg.setAttribute("role", "img");
    this.mark = this.add("rect", "pointed", { y: 0, width: 1, height: 100, visibility: "hidden" });
    this.add("path", "axis", { d: `M0 50H${count}` });
    this.bars = Array.from({ length: count }, (_, j) => this.add("path", "bar", {}, j));
    this.dots = Array.from({ length: count }, (_, j) => this.add("path", "dot", {}, j));
  }

  add(tag, className, attributes) {
    const node = document.createElementNS(SVG, tag);
    node.setAttribute("class", className);
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    this.svg.append(node);
    return node;
  }

  set(j, value, open) {
    const top = 50 - 46 * Math.max(-1, Math.min(1, value / this.limit));
    const zero = value === 0;
    this.bars[j].setAttribute("class", zero ? "bar zero" : "bar");
    const shape = zero ? `M${j + 0.5} 47V53` : `M${j + 0.1} 50V${top}H${j + 0.9}V50Z`;
    this.bars[j].setAttribute("d", shape);
    this.dots[j].setAttribute("d", open ? `M${j + 0.5} ${top}h0` : "");
  }

  point(j) {
    this.mark.setAttribute("visibility", j === null ? "hidden" : "visible");
    // A latent among hundreds is thinner than a line: the mark keeps a width that can be seen.
    const width = Math.max(1, this.bars.length / 60);
    this.mark.setAttribute("width", width);
    if (j !== null) this.mark.setAttribute("x", j + 0.5 - width / 2);
  }

  valueAt(event) {
    const box = this.svg.getBoundingClientRect();
    const share = (50 - ((event.clientY - box.top) / box.height) * 100) / 46;
    return this.limit * Math.max(-1, Math.min(1, share));
  }

  latentAt(event) {
    const box = this.svg.getBoundingClientRect();
    const j = Math.floor(((event.clientX - box.left) / box.width) * this.bars.length);
    return Math.max(0, Math.min(this.bars.length - 1, j));
  }
}

function svgTitle(text) {
  const title = document.createElementNS(SVG, "title");
  title.textContent = text;
  return title;
}

function heading(text) {
  return element("p", { class: "heading" }, text);
}

function button(text, title) {
  return element("button", { type: "button", title }, text);
}
