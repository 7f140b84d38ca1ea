// The live traversal: a code as sliders, decoded here at every move. Nothing is asked of a kernel
// or of another server; a kernel, where there is one, hears of finished moves only (the traits z
// and image). decoder.js and drawing.js stand before this file in one script, see script.py.

class View {
  constructor(model, decoder, root) {
    this.model = model;
    this.root = root;
    this.shape = model.get("shape");
    this.size = this.shape.reduce((a, b) => a * b);
    this.count = model.get("count");
    this.J = model.get("dimensions");
    this.gated = model.get("gated");
    this.limit = model.get("limit");
    this.digits = Math.max(2, 2 - Math.floor(Math.log10(this.limit)));
    this.decoder = decoder;
    this.pixels = bytesOf(model.get("pixels"));
    this.codes = floatsOf(model.get("codes"));
    this.slabs = model.get("slabs") ? floatsOf(model.get("slabs")) : this.codes;
    this.active = bytesOf(model.get("active"));
    this.rows = new Map();
    this.frame = null;
    // In JupyterLab every widget runs its own copy of this script, so a counter would give two
    // widgets one group of radio buttons.
    this.group = `vsclib-traversal-${Math.random().toString(36).slice(2)}`;
    this.build();
    this.chooseImage(model.get("image"));
    this.adopt(model.get("z"));
    this.onImage = () => this.followImage();
    this.onCode = () => this.followCode();
    model.on("change:image", this.onImage);
    model.on("change:z", this.onCode);
  }

  remove() {
    this.model.off("change:image", this.onImage);
    this.model.off("change:z", this.onCode);
    if (this.frame !== null) cancelAnimationFrame(this.frame);
  }

  // -- what is on the page

  build() {
    this.data = picture(this.shape, "picture data", "data: the chosen image");
    this.output = picture(this.shape, "picture reconstruction", "reconstruction");
    this.bars = new Bars(this.J, this.limit);
    this.summary = element("p", { class: "summary", "aria-live": "polite" });
    this.bars.svg.append(svgTitle("Click a bar to give its latent a slider"));
    this.quality = element("p", { class: "quality" });
    this.sliders = element("div", { class: "sliders" });
    this.root.classList.add("vsclib-traversal");
    this.root.append(
      element(
        "div",
        { class: "columns", role: "group", "aria-label": "Live traversal of a code" },
        element("div", { class: "data-part" }, heading("Data"), this.data, this.buildChoices()),
        element("div", { class: "code-part" }, heading("Code"), this.buildBars(), this.summary,
          this.buildHead(), this.sliders, this.buildTools()),
        element("div", { class: "result-part" },
          heading("Reconstruction"), this.output, this.quality),
      ),
    );
  }

  buildChoices() {
    this.choices = Array.from({ length: this.count }, (_, i) => {
      const radio = element("input",
        { type: "radio", name: this.group, "aria-label": `image ${i}` });
      radio.addEventListener("change", () => this.chooseImage(i, true));
      const thumbnail = picture(this.shape, "thumbnail", "");
      thumbnail.setAttribute("aria-hidden", "true");
      paint(thumbnail, this.imageAt(i), this.shape);
      return { radio, label: element("label", { class: "choice" }, radio, thumbnail) };
    });
    const box = element("div", { class: "choices", role: "radiogroup", "aria-label": "image" });
    if (this.count > 1) box.append(...this.choices.map((choice) => choice.label));
    return box;
  }

  buildBars() {
    const { svg } = this.bars;
    svg.addEventListener("pointermove", (event) => this.pointAt(this.bars.latentAt(event)));
    svg.addEventListener("pointerleave", () => this.pointAt(null));
    svg.addEventListener("click", (event) => this.addLatent(this.bars.latentAt(event)));
    const scale = element("div", { class: "scale", "aria-hidden": "true" },
      element("span", {}, "latent 0"), element("span"), element("span", {}, `${this.J - 1}`));
    this.hint = scale.children[1];
    return element("div", { class: "chart" }, svg, scale);
  }

  buildHead() {
    const names = this.gated ? ["latent", "spike", "slab", "z"] : ["latent", "value", "z"];
    const head = names.map((name) => element("span", { class: `head-${name}` }, name));
    const className = this.gated ? "latent head gated" : "latent head";
    return element("div", { class: className, "aria-hidden": "true" }, ...head);
  }

  buildTools() {
    const reset = button("Reset", "back to the image's own code");
    reset.addEventListener("click", () => {
      this.chooseImage(this.image, true);
      this.announce();
    });
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
    return element("div", { class: "tools" }, reset,
      element("label", { class: "adding" }, "Latent", number), add, this.all);
  }

  buildRow(j) {
    const slider = element("input", {
      type: "range", min: `${-this.limit}`, max: `${this.limit}`, step: `${this.limit / 50}`,
      "data-latent": `${j}`, "aria-label": this.gated ? `slab of latent ${j}` : `latent ${j}`,
    });
    const value = element("output", { class: "value" });
    const row = element("div", { class: this.gated ? "latent gated" : "latent" },
      element("span", { class: "name", "aria-hidden": "true" }, "z", element("sub", {}, `${j}`)));
    const parts = { row, slider, value, gate: null };
    if (this.gated) {
      parts.gate = element("input", { type: "checkbox", role: "switch", class: "gate",
        "data-latent": `${j}`, "aria-label": `spike of latent ${j}` });
      parts.gate.addEventListener("change", () => {
        this.on[j] = parts.gate.checked ? 1 : 0;
        this.changed(j);
        this.save();
      });
      row.append(element("span", { class: "gate-cell" }, parts.gate));
    }
    slider.addEventListener("input", () => {
      this.slab[j] = Number(slider.value);
      this.on[j] = 1; // moving the slab of a silent latent makes it speak
      this.changed(j);
    });
    slider.addEventListener("change", () => this.save());
    row.append(slider, value);
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

  // -- the code: z = slab where the gate is open, else what the model leaves there (zero, or its
  // narrow spike)

  imageAt(i) {
    const bytes = this.pixels.subarray(i * this.size, (i + 1) * this.size);
    return Float32Array.from(bytes, (byte) => byte / 255);
  }

  z(j) {
    return this.on[j] ? this.slab[j] : this.rest[j];
  }

  code() {
    return Float32Array.from({ length: this.J }, (_, j) => this.z(j));
  }

  chooseImage(i, byReader = false) {
    const from = i * this.J;
    this.image = i;
    this.choices[i].radio.checked = true;
    this.start = this.codes.slice(from, from + this.J);
    this.slab = this.slabs.slice(from, from + this.J);
    this.on = this.gated ? this.active.slice(from, from + this.J) : new Uint8Array(this.J).fill(1);
    this.rest = this.start.map((value, j) => (this.on[j] ? 0 : value));
    paint(this.data, this.imageAt(i), this.shape);
    this.listed = [...this.model.get("shown")[i]];
    this.showRows();
    this.changedAll();
    if (byReader) this.save();
  }

  // Takes a code over, from Python, a stored page or another view of the same widget.
  adopt(z) {
    const now = this.code();
    const moved = [...now.keys()].filter((j) => now[j] !== Math.fround(z[j]));
    for (const j of moved) {
      this.on[j] = !this.gated || Math.fround(z[j]) !== this.rest[j] ? 1 : 0;
      if (this.on[j]) this.slab[j] = z[j];
    }
    const unlisted = moved.filter((j) => !this.rows.has(j));
    this.listed.push(...unlisted);
    if (unlisted.length) this.showRows(); // only then: new rows would take the focus from old ones
    if (moved.length) this.changedAll();
  }

  followImage() {
    if (this.model.get("image") !== this.image) this.chooseImage(this.model.get("image"));
  }

  followCode() {
    this.followImage(); // a code belongs to its image, whichever of the two is heard of first
    this.adopt(this.model.get("z"));
  }

  save() {
    this.announce();
    this.model.set("image", this.image);
    this.model.set("z", Array.from(this.code()));
    this.model.save_changes();
  }

  // -- which latents have a slider

  showRows() {
    const everything = this.showsAll();
    const wanted = everything ? Array.from({ length: this.J }, (_, j) => j) : this.listed;
    this.rows.clear();
    this.sliders.replaceChildren(...wanted.map((j) => this.buildRow(j)));
    this.all.hidden = !everything && wanted.length === this.J;
    wanted.forEach((j) => this.changedRow(j));
  }

  showsAll() {
    return this.all.getAttribute("aria-pressed") === "true";
  }

  showAll(everything) {
    this.all.setAttribute("aria-pressed", `${everything}`);
    this.showRows();
  }

  addLatent(j) {
    if (!this.rows.has(j)) {
      this.listed.push(j);
      this.showRows();
    }
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
    this.announce();
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
    if (this.frame !== null) return; // several events between two frames are drawn once
    this.frame = requestAnimationFrame(() => {
      this.frame = null;
      const mean = decode(this.decoder, this.code(), this.size);
      paint(this.output, mean, this.shape);
      this.quality.textContent = `${psnr(mean, this.imageAt(this.image)).toFixed(1)} dB PSNR`;
    });
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

function psnr(mean, image) {
  const error = mean.reduce((sum, value, p) => sum + (value - image[p]) ** 2, 0) / mean.length;
  return 10 * Math.log10(1 / Math.max(error, 1e-10));
}

// The decoder is a model of its own, which the widgets of a page share; a page that is written by
// hand, as MyST's `anywidget` directive does, gives it in place.
async function decoderOf(model) {
  const decoder = model.get("decoder");
  if (typeof decoder !== "string") return readDecoder(decoder.layers, halvesOf(decoder.weights));
  const exported = await model.widget_manager.get_model(decoder.replace("IPY_MODEL_", ""));
  const packed = exported.get("packed");
  const halves = packed ? packedHalves(packed) : halvesOf(exported.get("weights"));
  return readDecoder(exported.get("layers"), halves);
}

async function render({ model, el }) {
  const view = new View(model, await decoderOf(model), el);
  return () => view.remove();
}
