// The page "Draw a digit": from the drawing to the codes of three models, one of them step by step.

import { centred, enlarged, SIDE } from "./digit.js";
import { border, logPrior, look, normals, responsibility, step } from "./inference.js";
import { decode, encode, psnr } from "./networks.js";
import { Pad } from "./pad.js";
import { drawBars, drawGrey, drawPaths } from "./pictures.js";
import { inkOfFile } from "./upload.js";
import { bytesOf, readModels } from "./weights.js";
import { markup } from "./markup.js";

const SHOWN = 2.5; // size of the largest value that a bar shows
const SHOWN_OF_PATHS = 2.5;

class LiveDigit {
  constructor(root, data) {
    this.root = root;
    this.models = readModels(data);
    this.standard = this.models.generator.setting;
    root.innerHTML = markup(this.models, this.standard);
    this.samples = this.readSamples(data.samples.images);
    this.pad = new Pad(this.find("canvas.pad"), (finished) => this.drawn(finished));
    this.seed = 1;
    this.codes = [];
    this.reached = 0;
    this.listen();
    this.chooseSample(3);
    this.pad.past = [];
    this.say("");
  }

  find(selector) {
    return this.root.querySelector(selector);
  }

  readSamples(base64) {
    const bytes = bytesOf(base64);
    return Array.from({ length: bytes.length / 784 }, (_, at) =>
      Float32Array.from(bytes.subarray(784 * at, 784 * (at + 1)), (value) => value / 255),
    );
  }

  listen() {
    this.samples.forEach((digit, at) => {
      const button = this.find(`button[data-sample="${at}"]`);
      drawGrey(button.querySelector("canvas"), digit, SIDE);
      button.addEventListener("click", () => this.chooseSample(at));
    });
    const clicks = {
      undo: () => this.pad.undo(),
      clear: () => this.pad.clear(),
      upload: () => this.find("input[type=file]").click(),
      play: () => (this.playing ? this.pause() : this.play()),
      step: () => this.stepOnce(),
      start: () => this.restart(),
      reset: () => this.resetControls(),
    };
    for (const [name, act] of Object.entries(clicks)) {
      this.find(`button[data-act="${name}"]`).addEventListener("click", act);
    }
    this.find("input[type=file]").addEventListener("change", (event) => this.upload(event.target));
    for (const name of ["alpha", "sigma2", "stepSize", "steps", "noise"]) {
      this.find(`[name=${name}]`).addEventListener("input", () => this.controlled());
    }
    this.find("[name=shown]").addEventListener("input", (event) => {
      this.pause();
      this.moveTo(Number(event.target.value));
    });
    this.watchLook();
  }

  // Pictures are drawn afresh when the theme or the width changes.
  watchLook() {
    const again = () => this.request("look");
    new MutationObserver(again).observe(document.documentElement, {
      attributes: true,
      attributeFilter: ["data-theme"],
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
    new ResizeObserver(again).observe(this.root);
  }

  // ------------------------------------------------------------------------------ the drawing

  chooseSample(at) {
    this.pad.show(enlarged(this.samples[at], this.pad.side));
    this.say(`Test image of a ${at}.`);
  }

  async upload(input) {
    const [file] = input.files;
    input.value = "";
    if (!file) return;
    try {
      this.pad.show(await inkOfFile(file, this.pad.side));
      this.say("The picture is loaded.");
    } catch (error) {
      this.say(error.message, true);
    }
  }

  drawn(finished) {
    this.request(finished ? "walk" : "drawing");
  }

  // What changed last; it is computed and drawn before the next frame.
  request(what) {
    const order = ["look", "drawing", "walk"];
    this.wanted = order[Math.max(order.indexOf(what), order.indexOf(this.wanted))];
    this.frame ??= requestAnimationFrame(() => {
      const wanted = this.wanted;
      this.frame = this.wanted = null;
      if (wanted !== "look") this.read();
      if (wanted === "walk") this.walkAgain();
      this.draw();
    });
  }

  read() {
    this.x = centred(this.pad.grid(), this.pad.side);
    this.empty = !this.x;
    this.x ??= new Float32Array(SIDE * SIDE);
    if (this.empty) {
      this.pause();
      this.say("The drawing is empty: draw a digit, choose one, or upload a picture.", true);
    } else if (this.complaint) this.say("");
  }

  // ------------------------------------------------------------------------------ the walk

  get setting() {
    const value = (name) => Number(this.find(`[name=${name}]`).value);
    const prior = { ...this.standard.prior, alpha: 10 ** value("alpha"), sigma2: 10 ** value("sigma2") };
    return { prior, stepSize: value("stepSize"), steps: value("steps") };
  }

  controlled() {
    const { prior, stepSize, steps } = this.setting;
    const words = { alpha: short(prior.alpha), sigma2: short(prior.sigma2), stepSize: stepSize.toFixed(2), steps };
    for (const [name, text] of Object.entries(words)) {
      this.find(`output[data-of=${name}]`).textContent = text;
      this.find(`[name=${name}]`).setAttribute("aria-valuetext", String(text));
    }
    const shown = this.find("[name=shown]");
    shown.max = String(steps);
    this.reached = Math.min(this.reached, steps);
    this.find(".too-long").hidden = stepSize < 2 * prior.sigma2;
    this.request("walk");
  }

  resetControls() {
    const { prior, stepSize, steps } = this.standard;
    const values = { alpha: Math.log10(prior.alpha), sigma2: Math.log10(prior.sigma2), stepSize, steps };
    for (const [name, value] of Object.entries(values)) this.find(`[name=${name}]`).value = String(value);
    this.find("[name=noise]").checked = false;
    this.controlled();
  }

  // The same number of steps as before, for another drawing or setting.
  walkAgain() {
    this.begin();
    while (this.codes.length <= this.reached) this.advance();
  }

  begin() {
    this.normal = this.find("[name=noise]").checked ? normals(this.seed) : null;
    this.codes = [new Float64Array(this.models.generator.latents)];
  }

  advance() {
    const { generator } = this.models;
    this.codes.push(step(generator, this.x, this.codes.at(-1), this.setting, this.normal));
  }

  moveTo(at) {
    while (this.codes.length <= at) this.advance();
    this.reached = at;
    this.request("look");
  }

  stepOnce() {
    this.pause();
    if (!this.empty && this.reached < this.setting.steps) this.moveTo(this.reached + 1);
  }

  restart() {
    this.pause();
    this.seed += 1;
    this.reached = 0;
    this.request("walk");
  }

  play() {
    if (this.empty) return;
    if (this.reached >= this.setting.steps) this.restart();
    this.playing = true;
    this.label();
    let last = null;
    const onward = (time) => {
      if (!this.playing) return;
      const wait = 1000 / Number(this.find("[name=pace]").value);
      last ??= time - wait;
      if (time - last >= wait - 4) { // a frame may come a little early
        last = time;
        this.moveTo(this.reached + 1);
      }
      if (this.reached >= this.setting.steps) this.pause();
      else requestAnimationFrame(onward);
    };
    requestAnimationFrame(onward);
  }

  pause() {
    this.playing = false;
    this.label();
  }

  label() {
    this.find("button[data-act=play]").textContent = this.playing ? "Pause" : "Play";
  }

  // ------------------------------------------------------------------------------ what is shown

  say(text, complaint = false) {
    this.complaint = complaint;
    const line = this.find(".status");
    line.textContent = text;
    line.classList.toggle("complaint", complaint);
  }

  draw() {
    drawGrey(this.find("canvas.seen"), this.x, SIDE);
    for (const name of ["vae", "vsc"]) {
      const model = this.models[name];
      const code = encode(model, this.x);
      this.drawModel(name, { ...code, gated: name === "vsc" }, decode(model, code.z), SHOWN);
    }
    this.drawWalk();
  }

  drawModel(name, code, mean, limit) {
    const part = this.find(`[data-model=${name}]`);
    const on = code.active.filter(Boolean).length;
    const count = code.z.length;
    const numbers = name === "vae" ? `all ${count} latents are on` : `${on} of ${count} latents on`;
    const quality = this.empty ? "" : `, ${psnr(this.x, mean).toFixed(1)} dB`;
    part.querySelector(".numbers").textContent = numbers + quality;
    const bars = part.querySelector("canvas.bars");
    bars.setAttribute("aria-label", `Code as bars: ${numbers}.`);
    drawBars(bars, code, limit);
    drawGrey(part.querySelector("canvas.picture"), mean, SIDE);
  }

  drawWalk() {
    const { prior, steps } = this.setting;
    const z = this.codes[this.reached];
    const active = Array.from(responsibility(z, prior), (wide) => wide > 0.5);
    const { mean, logLikelihood } = look(this.models.generator, this.x, z);
    this.drawModel("generator", { z, active, gated: true }, mean, SHOWN_OF_PATHS);
    const joint = (logLikelihood + logPrior(z, prior)).toFixed(0).replace("-", "\u2212");
    const near = z.filter((value) => Math.abs(value) < 0.05).length;
    const where = `Step ${this.reached} of ${steps}`;
    this.find(".joint").textContent = `${where}: log-joint ${joint} nats, ${near} of ${z.length} values below 0.05 in size.`;
    const shown = this.find("[name=shown]");
    shown.value = String(this.reached);
    shown.setAttribute("aria-valuetext", where);
    const paths = this.find("canvas.paths");
    paths.setAttribute("aria-label", `Every latent's value over the steps; ${where}.`);
    drawPaths(paths, this.codes.slice(0, this.reached + 1), this.reached, {
      most: steps,
      limit: SHOWN_OF_PATHS,
      border: border(prior),
      active,
    });
  }
}

function short(value) {
  return value >= 0.1 ? value.toFixed(2) : value.toPrecision(2);
}

// ------------------------------------------------------------------------------ beginning

function fail(root, message) {
  root.textContent = message;
  root.classList.add("complaint");
}

function start(root) {
  try {
    if (!globalThis.vsclibDigitModels) throw new Error("the models are missing; load the page again");
    root.live = new LiveDigit(root, globalThis.vsclibDigitModels);
    document.documentElement.classList.add("live-digit-ready");
    root.live.controlled();
  } catch (error) {
    fail(root, `This page cannot draw: ${error.message}.`);
  }
}

// The models come after the text is there; as a classic script, which pages from a disk may load, too.
export function begin(root, models) {
  const script = document.createElement("script");
  script.src = models;
  script.onload = () => start(root);
  script.onerror = () => fail(root, "This page cannot draw: its models did not arrive; load it again.");
  const load = () => requestAnimationFrame(() => setTimeout(() => document.head.append(script)));
  if (document.readyState === "complete") load();
  else addEventListener("load", load, { once: true });
}
