// A picture that the reader brings along, as ink.

import { inkOfPicture } from "./digit.js";

export const MOST_BYTES = 10_000_000;

// Ink on a grid, or an error whose message is one line for the reader.
export async function inkOfFile(file, side) {
  const name = file.name.length > 40 ? `${file.name.slice(0, 37)}...` : file.name;
  if (file.size > MOST_BYTES) {
    const size = (file.size / 1e6).toFixed(0);
    throw new Error(`${name} has ${size} MB: choose a picture of at most ${MOST_BYTES / 1e6} MB.`);
  }
  const picture = await opened(file).catch(() => null);
  if (!picture || !picture.naturalWidth || !picture.naturalHeight) {
    throw new Error(`${name} is no picture that this browser reads: choose a PNG, JPEG or WebP file.`);
  }
  const ink = inkOn(picture, side);
  if (!ink) throw new Error(`${name} shows no ink: choose a dark digit on light paper, or the reverse.`);
  return ink;
}

function opened(file) {
  return new Promise((resolve, reject) => {
    const address = URL.createObjectURL(file);
    const picture = new Image();
    const done = (act) => () => {
      URL.revokeObjectURL(address);
      act(picture);
    };
    picture.onload = done(resolve);
    picture.onerror = done(reject);
    picture.src = address;
  });
}

// The picture's ink in its own proportions, in the middle of a square.
function inkOn(picture, side) {
  const longest = Math.max(picture.naturalWidth, picture.naturalHeight);
  const width = Math.max(1, Math.round((side * picture.naturalWidth) / longest));
  const height = Math.max(1, Math.round((side * picture.naturalHeight) / longest));
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, 0, 0, width, height);
  const ink = inkOfPicture(context.getImageData(0, 0, width, height).data, width, height);
  if (!ink) return null;
  const square = new Float32Array(side * side);
  const [top, left] = [Math.floor((side - height) / 2), Math.floor((side - width) / 2)];
  for (let row = 0; row < height; row++) {
    square.set(ink.subarray(row * width, (row + 1) * width), (top + row) * side + left);
  }
  return square;
}
