// A pixel that is black or white, drawn back from noise by the network that knows it best.

/** The share of the signal's variance that is kept after t of T steps, t from 1 to T. */
export function keptShares(T) {
  const [first, last] = [0.1 / T, 20 / T];
  let kept = 1;
  return Array.from({ length: T }, (_, t) => (kept *= 1 - (first + ((last - first) * t) / (T - 1))));
}

/** The times of n steps back from T, from the last to the first, as indices of keptShares. */
export function times(T, n) {
  return Array.from({ length: n }, (_, i) => Math.round(T - (i * T) / n) - 1);
}

/** The best guess of the pixel, -1 or 1, from its noisy value: the mean. */
export function bestGuess(noisy, kept) {
  return Math.tanh((Math.sqrt(kept) * noisy) / (1 - kept));
}

/** One jump back, from one share kept to another, with the guess of the noise kept. */
export function jumped(noisy, kept, next) {
  const clean = bestGuess(noisy, kept);
  const noise = (noisy - Math.sqrt(kept) * clean) / Math.sqrt(1 - kept);
  return Math.sqrt(next) * clean + Math.sqrt(1 - next) * noise;
}

/** The values of a pixel at the start and after each of n steps back; kept from keptShares. */
export function drawnBack(noise, kept, n) {
  const at = times(kept.length, n);
  const path = [noise];
  at.forEach((t, i) => path.push(jumped(path[i], kept[t], i + 1 < n ? kept[at[i + 1]] : 1)));
  return path;
}
