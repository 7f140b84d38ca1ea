// One model's part of the widget: its code as bars and sliders, and what its decoder makes of it.
// The code is z_j = slab where the gate is open, else what the model leaves there: zero, or the
// value of a narrow spike.

const MOST_LATENTS = 2048;

class Panel {
  // hooks: moved() at every change by hand, settled() when it ends, imageOf(i) in [0, 1].
  constructor(model, decoder, shape, hooks, title) {
    this.model = model;
    this.decoder = decoder;
    this.shape = shape;
    this.size = shape.reduce((a, b) => a * b);
    this.hooks = hooks;
    this.title = title;
    this.J = model.get("dimensions");
    this.gated = model.get("gated");
    this.limit = model.get("limit");
    this.digits = Math.max(2, 2 - Math.floor(Math.log10(this.limit)));
    this.codes = floatsOf(model.get("codes"));
    this.slabs = model.get("slabs") ? floatsOf(model.get("slabs")) : this.codes;
    this.active = bytesOf(model.get("active"));
    this.check(model.get("count"));
    this.spread = spreadOf(this.codes, this.active);
    this.rows = new Map();
    this.dirty = false;
    this.build();
  }

  // A state that does not fit is refused in one line, before anything is drawn of it.
  check(count) {
    const wrong = (text) => {
      throw new Error(text);
    };
    if (this.J > MOST_LATENTS) wrong(`the code has ${this.J} latents, a page can show ${MOST_LATENTS}`);
    if (!(this.limit > 0)) wrong(`the sliders' limit is ${this.limit}`);
    if (this.codes.length !== count * this.J || this.slabs.length !== this.codes.length
        || this.active.length !== this.codes.length) {
      wrong(`the codes hold ${this.codes.length} numbers, ${count} images of ${this.J} latents need ${count * this.J}`);
    }
    if (![this.codes, this.slabs].every((part) => part.every(Number.isFinite))) {
      wrong("a code holds a value that is not finite");
    }
    const first = this.decoder[0];
    if (first && first.inputs !== undefined && first.inputs !== this.J) {
      wrong(`the decoder takes ${first.inputs} latents, the code has ${this.J}`);
    }
    const values = decode(this.decoder, new Float32Array(this.J), this.size).length;
    if (values !== this.size) wrong(`the decoder gives ${values} values, a picture has ${this.size}`);
  }

  // -- what is on the page

  build() {
    const whose = this.title ? `${this.title}: ` : "";
    this.output = picture(this.shape, "picture reconstruction", `${whose}reconstruction`);
    this.quality = element("p", { class: "quality" });
    this.result = element("div", { class: "view" },
      heading(this.title || "Reconstruction"), this.output, this.quality);
    this.bars = new Bars(this.J, this.limit);
    this.bars.svg.append(svgTitle("Drag a bar; click it to give its latent a slider"));
    this.summary = element("p", { class: "summary", "aria-live": "polite" });
    this.sliders = element("div", { class: "sliders" });
    this.resultPart = element("div", { class: "result-part" }, this.result);
    this.codePart = element("div", { class: "code-part" },
      heading(this.title ? `Code of the ${this.title}` : "Code"), this.buildBars(), this.summary,
      this.buildHead(), this.sliders, this.buildTools());
  }

  buildBars() {
    const { svg } = this.bars;
    svg.addEventListener("pointermove", (event) => this.pointAt(this.bars.latentAt(event)));
    svg.addEventListener("pointerleave", () => this.pointAt(null));
    dragBars(this.bars, {
      take: (j, value) => this.move(j, value),
      done: () => this.hooks.settled(),
      pick: (j) => this.addLatent(j),
    });
    const scale = element("div", { class: "scale", "aria-hidden": "true" },
      element("span", {}, "latent 0"), element("span"), element("span", {}, `${this.J - 1}`));
    this.hint = scale.children[1];
    return element("div", { class: "chart" }, svg, scale);
  }

  buildHead() {
    const names = this.gated ? ["latent", "gate", "slab", "z"] : ["latent", "value", "z"];
    const head = names.map((name) => element("span", { class: `head-${name}` }, name));
    const className = this.gated ? "latent head gated" : "latent head";
    return element("div", { class: className, "aria-hidden": "true" }, ...head);
  }

  buildTools() {
    const number = element("input",
      { type: "number", min: "0", max: `${this.J - 1}`, step: "1", placeholder: "0" });
    const add = button("Add", "give this latent a slider");
    const submit = () => {
      const j = Number(number.value);
      if (number.value !== "" && Number.isInteger(j) && j >= 0 && j < this.J) this.addLatent(j);
      else this.summary.textContent = `Latents are numbered 0 to ${this.J - 1}.`;
    };
    add.addEventListener("click", submit);
    number.addEventListener("keydown", (event) => {
      if (event.key === "Enter") submit();
    });
    this.all = button("Show all", "a slider for every latent");
    this.all.addEventListener("click", () => this.showAll(!this.showsAll()));
    this.all.setAttribute("aria-pressed", "false");
    return element("div", { class: "tools latents" },
      element("label", { class: "adding" }, "Latent", number), add, this.all);
  }

  buildRow(j) {
    const whose = this.title ? ` of the ${this.title}` : "";
    const slider = element("input", {
      type: "range", min: `${-this.limit}`, max: `${this.limit}`, step: `${this.limit / 50}`,
      "data-latent": `${j}`,
      "aria-label": (this.gated ? `slab of latent ${j}` : `latent ${j}`) + whose,
    });
    const track = element("div", { class: "track" }, slider);
    const value = element("output", { class: "value" });
    const row = element("div", { class: this.gated ? "latent gated" : "latent" },
      element("span", { class: "name", "aria-hidden": "true" }, "z", element("sub", {}, `${j}`)));
    const parts = { row, slider, value, gate: null };
    if (this.gated) {
      parts.gate = element("input", { type: "checkbox", role: "switch", class: "gate",
        "data-latent": `${j}`, "aria-label": `gate of latent ${j}${whose}` });
      parts.gate.addEventListener("change", () => {
        this.on[j] = parts.gate.checked ? 1 : 0;
        this.changed(j);
        this.hooks.settled();
      });
      row.append(element("span", { class: "gate-cell" }, parts.gate));
    }
    slider.addEventListener("input", () => this.move(j, Number(slider.value)));
    slider.addEventListener("change", () => this.hooks.settled());
    dragSlider(track, slider);
    row.append(track, value);
    row.addEventListener("pointerenter", () => this.pointAt(j));
    row.addEventListener("pointerleave", () => this.pointAt(null));
    row.addEventListener("focusin", () => this.pointAt(j));
    row.addEventListener("focusout", () => this.pointAt(null));
    this.rows.set(j, parts);
    return row;
  }

  format(value) {
    if (value === 0) return "0";
    return value.toFixed(this.digits).replace("-", "\u2212");
  }

  // -- the code

  z(j) {
    return this.on[j] ? this.slab[j] : this.rest[j];
  }

  code() {
    return Float32Array.from({ length: this.J }, (_, j) => this.z(j));
  }

  // The code that an image has by itself.
  codeOf(i) {
    const from = i * this.J;
    const on = this.gated ? this.active.slice(from, from + this.J) : new Uint8Array(this.J).fill(1);
    return { z: this.codes.slice(from, from + this.J), on };
  }

  chooseImage(i) {
    this.image = i;
    const own = this.codeOf(i);
    this.slab = this.slabs.slice(i * this.J, (i + 1) * this.J);
    this.on = own.on;
    this.rest = own.z.map((value, j) => (this.on[j] ? 0 : value));
    this.listed = [...this.model.get("shown")[i]];
    this.showRows();
    this.changedAll();
  }

  move(j, value) {
    this.slab[j] = value;
    this.on[j] = 1; // moving the slab of a silent latent makes it speak
    this.changed(j);
    this.hooks.moved();
  }

  // Every latent at once: z where it is on, and nothing moves where it is off.
  take({ z, on }) {
    for (let j = 0; j < this.J; j++) {
      this.on[j] = on[j];
      if (on[j]) this.slab[j] = z[j];
    }
    this.changedAll();
  }

  // Latents that are on take new values, as wide as the images' own, within the sliders' range.
  sample(uniform) {
    for (let j = 0; j < this.J; j++) {
      const value = this.spread * normal(uniform);
      if (this.on[j]) this.slab[j] = Math.max(-this.limit, Math.min(this.limit, value));
    }
    this.changedAll();
  }

  // Takes a code over, from Python, a stored page or another view of the same widget.
  adopt(z) {
    const now = this.code();
    const moved = [...now.keys()].filter((j) => now[j] !== Math.fround(z[j]));
    for (const j of moved) {
      this.on[j] = !this.gated || Math.fround(z[j]) !== this.rest[j] ? 1 : 0;
      if (this.on[j]) this.slab[j] = z[j];
    }
    this.list(moved);
    if (moved.length) this.changedAll();
  }

  snapshot() {
    return { slab: this.slab.slice(), on: this.on.slice() };
  }

  restore({ slab, on }) {
    this.slab = slab.slice();
    this.on = on.slice();
    this.changedAll();
  }

  save() {
    this.announce();
    this.model.set("z", Array.from(this.code()));
  }

  // -- which latents have a slider

  list(latents) {
    const unlisted = latents.filter((j) => !this.rows.has(j));
    this.listed.push(...unlisted);
    if (unlisted.length) this.showRows(); // only then: new rows would take the focus from old ones
  }

  showRows() {
    const everything = this.showsAll();
    const wanted = everything ? Array.from({ length: this.J }, (_, j) => j) : this.listed;
    this.rows.clear();
    this.sliders.replaceChildren(...wanted.map((j) => this.buildRow(j)));
    this.all.hidden = !everything && wanted.length === this.J;
    wanted.forEach((j) => this.changedRow(j));
    this.hooks.listed?.();
  }

  showsAll() {
    return this.all.getAttribute("aria-pressed") === "true";
  }

  showAll(everything) {
    this.all.setAttribute("aria-pressed", `${everything}`);
    this.showRows();
  }

  addLatent(j) {
    this.list([j]);
    const { slider, row } = this.rows.get(j);
    slider.focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
  }

  // -- what follows a move

  changed(j) {
    this.changedRow(j);
    this.bars.set(j, this.z(j), this.gated && this.on[j]);
    this.pointAt(j);
    this.redraw();
  }

  changedAll() {
    for (let j = 0; j < this.J; j++) this.bars.set(j, this.z(j), this.gated && this.on[j]);
    this.rows.forEach((_, j) => this.changedRow(j));
    this.redraw();
  }

  changedRow(j) {
    const parts = this.rows.get(j);
    if (!parts) return;
    const share = (value) => `${50 + 50 * Math.max(-1, Math.min(1, value / this.limit))}%`;
    parts.slider.value = this.slab[j];
    parts.slider.style.setProperty("--from", share(Math.min(0, this.slab[j])));
    parts.slider.style.setProperty("--to", share(Math.max(0, this.slab[j])));
    const slab = this.format(this.slab[j]);
    parts.slider.setAttribute("aria-valuetext", this.on[j] ? slab : `off, ${slab} when on`);
    parts.value.textContent = this.format(this.z(j));
    parts.row.classList.toggle("off", !this.on[j]);
    if (parts.gate) parts.gate.checked = this.on[j] === 1;
  }

  redraw() {
    this.dirty = true;
    this.hooks.redraw();
  }

  draw() {
    if (!this.dirty) return;
    this.dirty = false;
    const mean = decode(this.decoder, this.code(), this.size);
    paint(this.output, mean, this.shape);
    this.quality.textContent = `${psnr(mean, this.hooks.imageOf(this.image)).toFixed(1)} dB PSNR`;
  }

  pointAt(j) {
    this.bars.point(j);
    this.hint.textContent = j === null ? "" : `latent ${j}: ${this.format(this.z(j))}`;
  }

  announce() {
    const on = this.on.reduce((sum, gate) => sum + gate, 0);
    const text = this.gated ? `${on} of ${this.J} latents on` : `dense code of ${this.J} latents`;
    this.summary.textContent = text;
    this.bars.svg.setAttribute("aria-label", `Code: ${text}`);
  }
}
