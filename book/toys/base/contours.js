// Contour lines of a function of two variables by marching squares.

/** Values of f on a grid: {xs, ys, values[i][j]} with f(xs[i], ys[j]). */
export function sampled(f, xs, ys) {
  return { xs, ys, values: xs.map((x) => ys.map((y) => f(x, y))) };
}

/** Segments [[x, y], [x, y]] on which the sampled function is at a level. */
export function contour({ xs, ys, values }, level) {
  const segments = [];
  for (let i = 0; i + 1 < xs.length; i++) {
    for (let j = 0; j + 1 < ys.length; j++) {
      const corners = [[i, j], [i + 1, j], [i + 1, j + 1], [i, j + 1]];
      const crossings = [];
      for (let side = 0; side < 4; side++) {
        const [a, b] = [corners[side], corners[(side + 1) % 4]];
        const [one, other] = [values[a[0]][a[1]], values[b[0]][b[1]]];
        if (one < level !== other < level) {
          const share = (level - one) / (other - one);
          crossings.push([xs[a[0]] + share * (xs[b[0]] - xs[a[0]]), ys[a[1]] + share * (ys[b[1]] - ys[a[1]])]);
        }
      }
      for (let k = 0; k + 1 < crossings.length; k += 2) segments.push([crossings[k], crossings[k + 1]]);
    }
  }
  return segments;
}

/** Contour lines as one SVG path in a plot. */
export function contourPath(plot, surface, level, style) {
  const seen = (segment) => segment.every(([x, y]) => x >= plot.x[0] && x <= plot.x[1] && y >= plot.y[0] && y <= plot.y[1]);
  const shape = contour(surface, level)
    .filter(seen)
    .map((segment) => segment.map(([x, y]) => `${plot.px(x).toFixed(1)} ${plot.py(y).toFixed(1)}`).join("L"))
    .join("M");
  return shape ? `<path d="M${shape}" style="fill:none;${style}"/>` : "";
}

/** The x at which a contour line passes a height y, the first from the left; NaN where it does not. */
export function contourAt(surface, level, y) {
  const found = contour(surface, level).filter(([[, one], [, other]]) => one <= y !== other <= y);
  return Math.min(...found.map(([[x]]) => x), Number.POSITIVE_INFINITY);
}
