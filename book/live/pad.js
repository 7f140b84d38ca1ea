// The surface that a digit is drawn on: mouse, pen, touch and keyboard. Points are in units of its
// side; strokes are kept, so that the last one can be taken back.

import { rasterise } from "./digit.js";
import { drawGrey } from "./pictures.js";

const RADIUS = 0.05; // of the round pen
const RESOLUTION = 140;
const MOVE = 1 / 28;

export class Pad {
  // `ink` is a background of grid values that was loaded (a sample, a picture), or null.
  constructor(canvas, changed) {
    this.canvas = canvas;
    this.changed = changed;
    this.strokes = [];
    this.ink = null;
    this.past = [];
    this.pen = { x: 0.5, y: 0.5 };
    this.penDown = false;
    this.keyboard = false;
    canvas.width = canvas.height = RESOLUTION;
    this.listen();
  }

  listen() {
    const { canvas } = this;
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      event.preventDefault();
      canvas.focus({ preventScroll: true });
      canvas.setPointerCapture(event.pointerId);
      this.keyboard = this.penDown = false;
      this.begin(this.place(event));
      this.pointer = event.pointerId;
    });
    canvas.addEventListener("pointermove", (event) => {
      if (this.pointer !== event.pointerId) return;
      for (const part of event.getCoalescedEvents?.() ?? [event]) this.extend(this.place(part));
      this.report(false);
    });
    for (const name of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(name, (event) => {
        if (this.pointer !== event.pointerId) return;
        this.pointer = null;
        this.report(true);
      });
    }
    canvas.addEventListener("keydown", (event) => this.key(event));
    canvas.addEventListener("blur", () => {
      this.keyboard = this.penDown = false;
      this.draw();
    });
  }

  place(event) {
    const box = this.canvas.getBoundingClientRect();
    return { x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height };
  }

  key(event) {
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const move = moves[event.key];
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") this.undo();
    else if (event.ctrlKey || event.metaKey || event.altKey) return;
    else if (move) this.moveBy(move, event.shiftKey ? 3 * MOVE : MOVE);
    else if (event.key === " ") this.togglePen();
    else if (event.key === "Backspace") this.undo();
    else return;
    event.preventDefault();
    this.keyboard = true;
    this.draw();
  }

  moveBy([x, y], far) {
    const within = (value) => Math.min(Math.max(value, 0), 1);
    this.pen = { x: within(this.pen.x + x * far), y: within(this.pen.y + y * far) };
    if (!this.penDown) return;
    this.extend(this.pen);
    this.report(false);
  }

  togglePen() {
    this.penDown = !this.penDown;
    if (this.penDown) this.begin(this.pen);
    this.report(!this.penDown);
  }

  begin(point) {
    this.remember();
    this.strokes = [...this.strokes, [point]];
    this.report(false);
  }

  extend(point) {
    this.strokes.at(-1)?.push(point);
  }

  remember() {
    this.past.push({ strokes: this.strokes, ink: this.ink });
    if (this.past.length > 200) this.past.shift();
  }

  undo() {
    const before = this.past.pop();
    if (!before) return;
    this.penDown = false;
    ({ strokes: this.strokes, ink: this.ink } = before);
    this.report(true);
  }

  clear() {
    this.show(null);
  }

  // Put a grid of ink, of the pad's resolution, in the place of all strokes.
  show(ink) {
    this.remember();
    this.penDown = false;
    this.strokes = [];
    this.ink = ink;
    this.report(true);
  }

  // All ink as a grid.
  grid() {
    const drawn = rasterise(this.strokes, RESOLUTION, RADIUS);
    return this.ink ? drawn.map((value, at) => Math.max(value, this.ink[at])) : drawn;
  }

  get side() {
    return RESOLUTION;
  }

  report(finished) {
    this.draw();
    this.changed(finished);
  }

  draw() {
    drawGrey(this.canvas, this.grid(), RESOLUTION);
    if (!this.keyboard) return;
    const context = this.canvas.getContext("2d");
    const [x, y] = [this.pen.x * RESOLUTION, this.pen.y * RESOLUTION];
    context.lineWidth = 2;
    context.strokeStyle = this.penDown ? "#e69f00" : "#56b4e9";
    context.beginPath();
    context.arc(x, y, RADIUS * RESOLUTION + 1, 0, 2 * Math.PI);
    context.stroke();
  }
}
