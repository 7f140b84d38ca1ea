// A toy on a page: its controls, its picture, what it says, and the clock of what moves by itself.
//
// A toy is a module with
//   title      a short name
//   controls   what the reader moves: sliders, choices and actions, as data
//   draw       (state, size) => the picture as SVG text, for a size in pixels
//   text       (state) => what the picture shows, in words
// and, where it needs them,
//   ratio      [wide, narrow]: height over width of the picture
//   start      (values) => the state at the beginning and after a reset
//   again      (state) => the state from which "Play" starts anew when it has come to its end
//   changed    (state, name) => the state after the control of this name has been moved
//   step       (state) => the state one step later; it gives the toy "Play" and "One step"
//   finished   (state) => whether there is nothing left to play
//   handles    (state, size) => points that can be dragged: {name, label, x, y, move(state, x, y)}

export const WIDTH = 448; // of a still, in pixels
const NARROW = 420;
const QUIET_MS = 700; // after the last move, before the words are read out
const STEP_MS = 40; // between two steps of what plays

/** The size of a toy's picture at a width. */
export function sizeOf(toy, width) {
  const [wide, narrow] = toy.ratio ?? [0.62, 0.8];
  return { width, height: Math.round(width * (width >= NARROW ? wide : narrow)) };
}

/** The state that a toy begins with. */
export function beginning(toy) {
  const values = {};
  for (const control of toy.controls) if ("value" in control) values[control.name] = control.value;
  return toy.start ? toy.start(values) : values;
}

/** The state after a control was moved. */
export function moved(toy, state, name, value) {
  const next = { ...state, [name]: value };
  return toy.changed ? toy.changed(next, name) : next;
}

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// A slider's track is even in the value or, with log, in its logarithm.
const RESOLUTION = 200;

function toTrack({ lowest, highest, log }, value) {
  const share = log ? Math.log(value / lowest) / Math.log(highest / lowest) : (value - lowest) / (highest - lowest);
  return Math.round(share * RESOLUTION);
}

function fromTrack({ lowest, highest, log }, track) {
  const share = track / RESOLUTION;
  return log ? lowest * (highest / lowest) ** share : lowest + share * (highest - lowest);
}

function sliderValue(control, input) {
  return control.log ? fromTrack(control, Number(input.value)) : Number(input.value);
}

class Mounted {
  constructor(toy, place) {
    this.toy = toy;
    this.place = place;
    this.id = `toy-${place.dataset.toy}-${[...document.querySelectorAll(".toy")].indexOf(place)}`;
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
    this.seen = true;
    this.state = beginning(toy);
    this.picture = place.querySelector(".toy-picture");
    this.svg = this.picture.querySelector("svg");
    this.words = place.querySelector(".toy-words");
    this.status = element("div", { class: "toy-status", role: "status" });
    place.append(this.status);
    this.inputs = new Map();
    this.build();
    this.watch();
    this.fit();
  }

  build() {
    const sliders = element("div", { class: "toy-sliders" });
    this.buttons = element("div", { class: "toy-buttons" });
    for (const control of this.toy.controls) {
      if (control.act) this.button(control.label, () => this.show(control.act(this.state)));
      else sliders.append(control.options ? this.choice(control) : this.slider(control));
    }
    if (this.toy.step) {
      this.playing = false;
      this.play = this.button("Play", () => (this.playing ? this.pause() : this.run()));
      this.button("One step", () => this.once());
    }
    this.button("Reset", () => this.reset());
    this.place.querySelector(".toy-controls").replaceChildren(sliders, this.buttons);
    this.svg.removeAttribute("width");
    this.svg.removeAttribute("height");
  }

  button(label, act) {
    const made = element("button", { type: "button", "data-lm-suppress-shortcuts": "true" }, label);
    made.addEventListener("click", act);
    this.buttons.append(made);
    return made;
  }

  slider(control) {
    const id = `${this.id}-${control.name}`;
    const track = control.log
      ? { min: 0, max: RESOLUTION, step: 1, value: toTrack(control, control.value) }
      : { min: control.lowest, max: control.highest, step: control.step, value: control.value };
    const input = element("input", { type: "range", id, "data-lm-suppress-shortcuts": "true", ...track });
    // The slider says its value by itself, so the output keeps quiet.
    const output = element("output", { for: id, "aria-live": "off" });
    input.addEventListener("input", () => this.move(control.name, sliderValue(control, input)));
    this.inputs.set(control.name, { control, input, output });
    return element("div", { class: "toy-slider" }, element("label", { for: id }, control.label), output, input);
  }

  choice(control) {
    const id = `${this.id}-${control.name}`;
    const input = element("select", { id, "data-lm-suppress-shortcuts": "true" });
    for (const option of control.options) input.append(element("option", { value: option }, option));
    input.addEventListener("change", () => this.move(control.name, input.value));
    this.inputs.set(control.name, { control, input });
    return element("div", { class: "toy-choice" }, element("label", { for: id }, control.label), input);
  }

  // The reader's moves.

  move(name, value) {
    this.show(moved(this.toy, this.state, name, value));
  }

  once() {
    this.pause();
    this.show(this.toy.step(this.state));
  }

  reset() {
    this.pause();
    this.show(beginning(this.toy));
  }

  run() {
    const finished = this.toy.finished ?? (() => false);
    if (finished(this.state)) this.show(this.toy.again ? this.toy.again(this.state) : beginning(this.toy));
    if (this.still.matches) {
      // Without motion: the end at once.
      let state = this.state;
      for (let i = 0; i < 1000 && !finished(state); i++) state = this.toy.step(state);
      this.show(state);
      return;
    }
    this.playing = true;
    this.play.textContent = "Pause";
    this.last = 0;
    requestAnimationFrame((now) => this.tick(now));
  }

  pause() {
    this.playing = false;
    if (this.play) this.play.textContent = "Play";
  }

  tick(now) {
    if (!this.playing) return;
    if (this.seen && now - this.last >= STEP_MS) {
      this.last = now;
      this.show(this.toy.step(this.state));
      if (this.toy.finished?.(this.state)) {
        this.pause();
        return;
      }
    }
    requestAnimationFrame((next) => this.tick(next));
  }

  // The page.

  watch() {
    // What cannot be seen does not move: off the screen the clock ticks and nothing is drawn.
    new IntersectionObserver((entries) => {
      this.seen = entries.at(-1).isIntersecting;
    }).observe(this.place);
    new ResizeObserver(() => this.fit()).observe(this.picture);
  }

  fit() {
    const width = Math.round(this.picture.clientWidth);
    if (width > 0 && width !== this.size?.width) {
      this.size = sizeOf(this.toy, width);
      this.svg.setAttribute("viewBox", `0 0 ${this.size.width} ${this.size.height}`);
      this.show(this.state);
    }
  }

  show(state) {
    this.state = state;
    for (const [name, { control, input, output }] of this.inputs) {
      const value = state[name];
      if (output) {
        const text = control.shown(value);
        output.textContent = text;
        input.setAttribute("aria-valuetext", text);
        if (sliderValue(control, input) !== value) input.value = control.log ? toTrack(control, value) : value;
        input.disabled = control.unused?.(state) ?? false;
      } else if (input.value !== value) input.value = value;
    }
    this.svg.innerHTML = this.toy.draw(state, this.size);
    const said = this.toy.text(state);
    this.words.textContent = said;
    this.svg.setAttribute("aria-label", `${this.toy.title}. ${said}`);
    if (this.toy.handles) this.grips();
    clearTimeout(this.later);
    // Not the first words: nobody has moved anything yet.
    if (this.spoken !== undefined) this.later = setTimeout(() => (this.status.textContent = said), QUIET_MS);
    this.spoken = said;
  }

  // Points that can be dragged are buttons over the picture: the arrow keys move them, too.
  grips() {
    const points = this.toy.handles(this.state, this.size);
    this.grip ??= [];
    while (this.grip.length < points.length) this.grip.push(this.newGrip(this.grip.length));
    points.forEach((point, i) => {
      const made = this.grip[i];
      made.style.left = `${(100 * point.x) / this.size.width}%`;
      made.style.top = `${(100 * point.y) / this.size.height}%`;
      made.setAttribute("aria-label", point.label);
    });
  }

  newGrip(index) {
    const made = element("button", { type: "button", class: "toy-grip", "data-lm-suppress-shortcuts": "true" });
    const point = () => this.toy.handles(this.state, this.size)[index];
    const to = (x, y) => this.show(point().move(this.state, x, y));
    made.addEventListener("pointerdown", (event) => made.setPointerCapture(event.pointerId));
    made.addEventListener("pointermove", (event) => {
      if (!made.hasPointerCapture(event.pointerId)) return;
      const box = this.picture.getBoundingClientRect();
      to(event.clientX - box.left, event.clientY - box.top);
    });
    const keys = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    made.addEventListener("keydown", (event) => {
      const direction = keys[event.key];
      if (!direction) return;
      event.preventDefault();
      const length = event.shiftKey ? 20 : 4;
      to(point().x + length * direction[0], point().y + length * direction[1]);
    });
    this.picture.append(made);
    return made;
  }
}

/** Bring every place of this name to life. */
export function mount(name, toy) {
  for (const place of document.querySelectorAll(`.toy[data-toy="${name}"]`)) {
    try {
      place.mounted = new Mounted(toy, place);
    } catch (error) {
      place.querySelector(".toy-words").textContent = `This picture stays still: ${error.message}. Reload the page.`;
      throw error;
    }
  }
}

/** A toy's picture at its beginning, as an SVG file. */
export function stillOf(toy) {
  const { width, height } = sizeOf(toy, WIDTH);
  const state = beginning(toy);
  const said = [toy.title, toy.text(state)].map((text) => text.replace(/[&<>]/g, (c) => `&#${c.charCodeAt(0)};`));
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" font-family="system-ui, sans-serif"><title>${said[0]}</title><desc>${said[1]}</desc>${toy.draw(state, { width, height })}</svg>\n`;
}
