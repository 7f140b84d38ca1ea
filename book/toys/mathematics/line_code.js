// One number for two: points of a plane sent as their places along a line through their mean.

/** Mean of points. */
export function centre(points) {
  return [0, 1].map((axis) => points.reduce((total, point) => total + point[axis], 0) / points.length);
}

/** The angle of the first principal component. */
export function bestAngle(points) {
  const [mx, my] = centre(points);
  let [xx, xy, yy] = [0, 0, 0];
  for (const [x, y] of points) {
    xx += (x - mx) ** 2;
    xy += (x - mx) * (y - my);
    yy += (y - my) ** 2;
  }
  return 0.5 * Math.atan2(2 * xy, xx - yy);
}

/** Codes, reconstructions and mean squared error for a line at an angle through the mean. */
export function sent(points, angle) {
  const [mx, my] = centre(points);
  const direction = [Math.cos(angle), Math.sin(angle)];
  const codes = points.map(([x, y]) => (x - mx) * direction[0] + (y - my) * direction[1]);
  const back = codes.map((z) => [mx + z * direction[0], my + z * direction[1]]);
  const error = points.reduce((total, [x, y], i) => total + (x - back[i][0]) ** 2 + (y - back[i][1]) ** 2, 0);
  return { codes, back, error: error / points.length };
}
