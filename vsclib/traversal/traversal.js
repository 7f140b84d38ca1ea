// The live traversal: a code as bars and sliders, decoded here at every move. Nothing is asked of a
// kernel or of another server; a kernel, where there is one, hears of finished moves only (the
// traits z and image). The other scripts stand before this one in one file, see script.py.

const NARROW = 560; // px; traversal.css has the same number
const PERIOD = 4; // seconds from one end of a walk to the other

class View {
  constructor(model, panels, root, address) {
    this.model = model;
    this.root = root;
    this.address = address;
    this.shape = model.get("shape");
    this.size = this.shape.reduce((a, b) => a * b);
    this.count = model.get("count");
    this.pixels = bytesOf(model.get("pixels"));
    if (this.pixels.length !== this.count * this.size) {
      throw new Error(`the images hold ${this.pixels.length} values, ${this.count} need ${this.count * this.size}`);
    }
    this.frame = null;
    this.playing = null;
    this.motion = null;
    this.draws = 0;
    this.past = [];
    this.panels = panels.map(({ part, decoder, title }) => new Panel(part, decoder, this.shape, {
      moved: () => this.stop(),
      settled: () => this.settle(),
      redraw: () => this.redraw(),
      listed: () => this.offerMotions(),
      imageOf: (i) => this.imageAt(i),
    }, title));
    // In JupyterLab every widget runs its own copy of this script, so a counter would give two
    // widgets one group of radio buttons.
    this.group = `vsclib-traversal-${Math.random().toString(36).slice(2)}`;
    this.build();
    this.chooseImage(model.get("image"));
    this.panels.forEach((panel) => panel.adopt(panel.model.get("z")));
    this.readAddress();
    this.last = this.snapshot();
    this.panels.forEach((panel) => panel.announce());
    this.listen();
  }

  listen() {
    this.onImage = () => this.followImage();
    this.onCode = () => this.followCode();
    this.model.on("change:image", this.onImage);
    this.panels.forEach((panel) => panel.model.on("change:z", this.onCode));
    this.watch = new ResizeObserver(() => this.arrange());
    this.watch.observe(this.root);
  }

  remove() {
    this.model.off("change:image", this.onImage);
    this.panels.forEach((panel) => panel.model.off("change:z", this.onCode));
    this.watch.disconnect();
    this.stop();
    if (this.frame !== null) cancelAnimationFrame(this.frame);
  }

  // -- what is on the page

  build() {
    this.data = picture(this.shape, "picture data", "data: the chosen image");
    this.dataFigure = element("div", { class: "view" }, heading("Data"), this.data);
    this.dataPart = element("div", { class: "data-part" }, this.dataFigure, this.buildChoices());
    this.strip = element("div", { class: "strip" });
    this.problem = element("p", { class: "problem", role: "status" });
    this.problem.hidden = true;
    const parts = this.panels.flatMap((panel) => (this.panels.length > 1
      ? [element("div", { class: "panel" }, panel.resultPart, panel.codePart)]
      : [panel.codePart, panel.resultPart]));
    this.root.classList.add("vsclib-traversal");
    if (this.panels.length > 1) this.root.classList.add("several");
    this.root.append(
      element(
        "div",
        { class: "columns", role: "group", "aria-label": "Live traversal of a code" },
        this.strip, this.dataPart, ...parts,
      ),
      this.buildTools(), this.problem,
    );
  }

  // On a narrow page the pictures stay in sight above what moves them.
  arrange() {
    const narrow = this.root.clientWidth < NARROW;
    if (narrow === this.narrow) return;
    this.narrow = narrow;
    if (narrow) this.strip.replaceChildren(this.dataFigure, ...this.panels.map((panel) => panel.result));
    else {
      this.dataPart.prepend(this.dataFigure);
      this.panels.forEach((panel) => panel.resultPart.append(panel.result));
    }
  }

  buildChoices() {
    this.choices = Array.from({ length: this.count }, (_, i) => {
      const radio = element("input",
        { type: "radio", name: this.group, "aria-label": `image ${i}` });
      radio.addEventListener("change", () => {
        this.stop();
        this.chooseImage(i);
        this.settle();
      });
      const thumbnail = picture(this.shape, "thumbnail", "");
      thumbnail.setAttribute("aria-hidden", "true");
      paint(thumbnail, this.imageAt(i), this.shape);
      return { radio, label: element("label", { class: "choice" }, radio, thumbnail) };
    });
    const box = element("div", { class: "choices", role: "radiogroup", "aria-label": "image" });
    if (this.count > 1) box.append(...this.choices.map((choice) => choice.label));
    return box;
  }

  buildTools() {
    const tool = (text, title, act) => {
      const made = button(text, title);
      made.addEventListener("click", act);
      return made;
    };
    this.undo = tool("Undo", "back to before the last move", () => this.back());
    this.undo.disabled = true;
    const reset = tool("Reset", "back to the image's own code", () => this.reset());
    const sample = tool("Sample", "draw new values for the latents that are on", () => this.sample());
    this.motions = element("select", { "aria-label": "what moves" });
    this.motions.addEventListener("change", () => this.beginMotion());
    this.play = tool("Play", "", () => this.playOrPause());
    this.place = element("input", { type: "range", min: "0", max: "100", step: "1", value: "0",
      "aria-label": "place on the way" });
    this.place.addEventListener("input", () => {
      this.stop(false);
      this.goTo(Number(this.place.value) / 100);
    });
    this.place.addEventListener("change", () => this.settle());
    const track = element("div", { class: "track" }, this.place);
    dragSlider(track, this.place);
    this.still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.label();
    return element("div", { class: "tools" }, this.undo, reset, sample,
      element("div", { class: "moving", role: "group", "aria-label": "move by itself" },
        this.play, this.motions, track));
  }

  label() {
    const text = this.still ? "Step" : this.playing === null ? "Play" : "Pause";
    this.play.textContent = text;
    this.play.title = this.still ? "one step along the way" : "move along the way, there and back";
  }

  // -- images and codes

  imageAt(i) {
    const bytes = this.pixels.subarray(i * this.size, (i + 1) * this.size);
    return Float32Array.from(bytes, (byte) => byte / 255);
  }

  chooseImage(i) {
    this.image = i;
    this.choices[i].radio.checked = true;
    paint(this.data, this.imageAt(i), this.shape);
    this.motion = null;
    this.panels.forEach((panel) => panel.chooseImage(i));
  }

  followImage() {
    if (this.model.get("image") === this.image) return;
    this.stop();
    this.chooseImage(this.model.get("image"));
    this.panels.forEach((panel) => panel.announce());
    this.last = this.snapshot();
  }

  followCode() {
    this.followImage(); // a code belongs to its image, whichever of the two is heard of first
    this.panels.forEach((panel) => {
      panel.adopt(panel.model.get("z"));
      panel.announce();
    });
    if (this.playing === null) this.last = this.snapshot();
  }

  // A move has ended: it can be undone, and whoever listens hears of it.
  settle() {
    const now = this.snapshot();
    if (!sameState(this.last, now)) this.past = [...this.past.slice(-99), this.last];
    this.save(now);
  }

  save(now = this.snapshot()) {
    this.last = now;
    this.undo.disabled = this.past.length === 0;
    this.problem.hidden = true;
    this.model.set("image", this.image);
    this.panels.forEach((panel) => {
      panel.save();
      panel.model.save_changes();
    });
    this.address?.write(writeAddress(this.image, this.panels.map((panel) => ({
      own: panel.codeOf(this.image),
      now: { z: panel.code(), on: panel.on },
    }))));
  }

  snapshot() {
    return { image: this.image, panels: this.panels.map((panel) => panel.snapshot()) };
  }

  restore({ image, panels }) {
    this.motion = null;
    if (image !== this.image) this.chooseImage(image);
    this.panels.forEach((panel, place) => panel.restore(panels[place]));
  }

  back() {
    this.stop();
    if (!this.past.length) return;
    this.restore(this.past.pop());
    this.save();
  }

  reset() {
    this.stop();
    this.chooseImage(this.image);
    this.settle();
  }

  sample() {
    this.stop();
    this.motion = null;
    this.draws += 1;
    this.panels.forEach((panel) => panel.sample(uniforms(this.draws)));
    this.settle();
  }

  readAddress() {
    const text = this.address?.read();
    if (!text) return;
    try {
      const { image, moves } = readAddress(text, this.count, this.panels);
      this.chooseImage(image);
      moves.forEach((pairs, place) => {
        const panel = this.panels[place];
        const { z, on } = panel.codeOf(image);
        for (const [j, value] of pairs) [z[j], on[j]] = value === null ? [z[j], 0] : [value, 1];
        panel.list(pairs.map(([j]) => j));
        panel.take({ z, on });
      });
    } catch (error) {
      this.problem.textContent = `${error.message}. The image's own code is shown.`;
      this.problem.hidden = false;
    }
  }

  // -- what moves by itself: one latent from end to end, or the code towards another image's

  offerMotions() {
    if (!this.motions) return;
    const chosen = this.motions.value;
    const several = this.panels.length > 1;
    const walks = this.panels.flatMap((panel, place) => [...panel.rows.keys()].map((j) => element(
      "option", { value: `walk:${place}:${j}` }, `latent ${j}${several ? ` of the ${panel.title}` : ""}`)));
    const others = [...Array(this.count).keys()].filter((i) => i !== this.image);
    const ways = others.map((i) => element("option", { value: `to:${i}` }, `to image ${i}`));
    this.motions.replaceChildren(...walks, ...ways);
    const kept = [...this.motions.options].find((option) => option.value === chosen);
    this.motions.value = kept ? chosen : this.motions.options[0]?.value ?? "";
    this.motion = null;
  }

  beginMotion() {
    this.stop();
    const [kind, first, latent] = this.motions.value.split(":");
    if (kind === "walk") {
      const [panel, j] = [this.panels[Number(first)], Number(latent)];
      const start = (panel.z(j) / panel.limit + 1) / 2;
      this.motion = { t: start, go: (t) => {
        panel.slab[j] = walkValue(panel.limit, t);
        panel.on[j] = 1;
        panel.changed(j);
      } };
    } else if (kind === "to") {
      const ways = this.panels.map((panel) => ({
        panel, from: { z: panel.code(), on: panel.on.slice() }, to: panel.codeOf(Number(first)),
      }));
      this.motion = { t: 0, go: (t) => {
        ways.forEach(({ panel, from, to }) => panel.take(between(from, to, t)));
      } };
    }
    this.place.value = Math.round(100 * (this.motion?.t ?? 0));
  }

  goTo(t) {
    if (!this.motion) {
      this.beginMotion();
      this.place.value = Math.round(100 * t);
    }
    if (!this.motion) return;
    this.motion.t = t;
    this.motion.go(t);
  }

  playOrPause() {
    if (this.playing !== null) {
      this.stop();
      return;
    }
    if (!this.motion) this.beginMotion();
    if (!this.motion) return;
    if (this.still) {
      const t = this.motion.t >= 1 ? 0 : Math.min(1, this.motion.t + 1 / 8);
      this.goTo(t);
      this.place.value = Math.round(100 * t);
      this.settle();
      return;
    }
    const [start, begun] = [this.motion.t, performance.now()];
    const step = (now) => {
      this.playing = requestAnimationFrame(step);
      const t = backAndForth(start, Math.max(0, now - begun) / 1000, PERIOD);
      this.goTo(t);
      this.place.value = Math.round(100 * t);
    };
    this.playing = requestAnimationFrame(step);
    this.label();
  }

  // Ends what plays; by a hand on a latent the way ends, too, by one on its place it does not.
  stop(forget = true) {
    const played = this.playing !== null;
    if (played) {
      cancelAnimationFrame(this.playing);
      this.playing = null;
      this.label();
      this.settle();
    } else if (forget) this.motion = null;
  }

  // -- drawing

  redraw() {
    if (this.frame !== null) return; // several events between two frames are drawn once
    this.frame = requestAnimationFrame(() => {
      this.frame = null;
      this.panels.forEach((panel) => panel.draw());
    });
  }
}

function sameState(first, second) {
  const same = (a, b) => a.every((value, at) => value === b[at]);
  return first.image === second.image && first.panels.every((panel, place) => (
    same(panel.slab, second.panels[place].slab) && same(panel.on, second.panels[place].on)));
}

// The decoder is a model of its own, which the widgets of a page share; a page that is written by
// hand, as MyST's `anywidget` directive does, gives it in place.
async function decoderOf(model, manager) {
  const decoder = model.get("decoder");
  if (typeof decoder !== "string") return readDecoder(decoder.layers, halvesOf(decoder.weights));
  const exported = await manager.get_model(decoder.replace("IPY_MODEL_", ""));
  const packed = exported.get("packed");
  const halves = packed ? packedHalves(packed) : halvesOf(exported.get("weights"));
  return readDecoder(exported.get("layers"), halves);
}

async function render({ model, el, address = null }) {
  try {
    const manager = model.widget_manager;
    const beside = model.get("beside");
    const parts = [model];
    if (beside) parts.push(await manager.get_model(beside.replace("IPY_MODEL_", "")));
    const panels = await Promise.all(parts.map(async (part) => ({
      part,
      decoder: await decoderOf(part, manager),
      title: parts.length > 1 ? part.get("title") : "",
    })));
    const view = new View(model, panels, el, address);
    return () => view.remove();
  } catch (problem) {
    el.replaceChildren(element("p", { class: "problem", role: "status" },
      `The traversal cannot be drawn: ${problem.message.replace(/\.$/, "")}.`));
    return () => {};
  }
}
