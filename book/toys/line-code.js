// Chapter 1: two numbers are sent as one, their place along a line.

import { clamp, shown } from "./base/numbers.js";
import { Plot, whole } from "./base/plot.js";
import { bestAngle, centre, sent } from "./mathematics/line_code.js";

export const title = "One number for two";
export const ratio = [0.86, 0.9];
const RANGE = [-3, 3];
const POINTS = [[-2.1, -1.2], [-1.5, -0.3], [-1, -1], [-0.4, 0.3], [0, -0.4], [0.5, 0.6], [1, 0.2], [1.5, 1.3], [2, 0.8], [2.2, 1.7]];

export const controls = [
  { name: "degrees", label: "angle of the line", lowest: -90, highest: 90, step: 1, value: -20, shown: (v) => `${shown(v, 0)}°` },
  { name: "best", label: "Take PCA's line", act: (state) => ({ ...state, degrees: Math.round((bestAngle(state.points) * 180) / Math.PI) }) },
];

export function start(values) {
  return { ...values, points: POINTS };
}

const radians = ({ degrees }) => (degrees * Math.PI) / 180;

function plotOf(size) {
  return new Plot(whole(size), { x: RANGE, y: RANGE, xLabel: "first pixel", yLabel: "second pixel", equal: true });
}

function along(plot, [x, y], angle, look) {
  const reach = 2.4;
  plot.line([-1, 1].map((side) => [x + side * reach * Math.cos(angle), y + side * reach * Math.sin(angle)]), look);
}

export function draw(state, size) {
  const plot = plotOf(size);
  const { back } = sent(state.points, radians(state));
  const middle = centre(state.points);
  along(plot, middle, bestAngle(state.points), { colour: "prior", dash: "dashed", width: 1.6 });
  along(plot, middle, radians(state), { colour: "reconstruction", width: 2.4 });
  state.points.forEach((point, i) => {
    plot.line([point, back[i]], { colour: "score", width: 1.6 });
    plot.dot(...back[i], { colour: "reconstruction", radius: 3.5 }).dot(...point, { colour: "data", radius: 5 });
  });
  plot.legend([["data", { dot: true, colour: "data", radius: 5 }], ["reconstruction", { dot: true, colour: "reconstruction", radius: 4 }], ["what is lost", { colour: "score" }], ["PCA's line", { colour: "prior", dash: "dashed" }]], { x: 0.02, y: 0.05 });
  return plot.toString();
}

export function text(state) {
  const yours = sent(state.points, radians(state)).error;
  const best = bestAngle(state.points);
  return (
    `Your line at ${shown(state.degrees, 0)} degrees leaves a mean squared error of ${shown(yours)}; PCA's, at ${shown((best * 180) / Math.PI, 0)} degrees, ` +
    `leaves ${shown(sent(state.points, best).error)}, and no line leaves less. Each point is sent as one number, its place along the line.`
  );
}

export function handles(state, size) {
  const plot = plotOf(size);
  return state.points.map(([x, y], i) => ({
    name: `point ${i + 1}`,
    label: `point ${i + 1} of ${state.points.length}, at ${shown(x, 1)} and ${shown(y, 1)}; the arrow keys move it`,
    x: plot.px(x),
    y: plot.py(y),
    move(now, px, py) {
      const points = now.points.slice();
      points[i] = plot.value(px, py).map((value) => clamp(value, ...RANGE));
      return { ...now, points };
    },
  }));
}
