// Three gates on the projections of an image, and the error that each code leaves.

export const GATES = ["soft threshold (price)", "jump threshold", "top-k"];

/** The code of projections: level is the price in units of the noise variance, or the threshold. */
export function coded(gate, projections, level, k) {
  if (gate === "top-k") {
    const order = projections.map((_, j) => j).sort((i, j) => projections[j] - projections[i]);
    const kept = new Set(order.slice(0, k));
    return projections.map((a, j) => (kept.has(j) ? Math.max(0, a) : 0));
  }
  if (gate === "jump threshold") return projections.map((a) => (a > level ? a : 0));
  return projections.map((a) => Math.max(0, a - level));
}

/** Share of the squared size that a code leaves out, for columns at right angles of length one. */
export function unexplained(projections, code) {
  const left = projections.reduce((total, a, j) => total + (a - code[j]) ** 2, 0);
  return left / projections.reduce((total, a) => total + a ** 2, 0);
}

/** The factor by which a code should be stretched to leave least. */
export function bestStretch(projections, code) {
  const size = code.reduce((total, z) => total + z ** 2, 0);
  return size > 0 ? projections.reduce((total, a, j) => total + a * code[j], 0) / size : 1;
}
