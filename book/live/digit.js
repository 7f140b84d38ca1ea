// From ink to a digit as MNIST has them. LeCun, Bottou, Bengio & Haffner (1998), section III.A: fit
// the ink into 20 x 20 pixels with its proportions, and shift it so that its centre of mass is the
// centre of 28 x 28. In all 10,000 test images that centre lies within the pixel just right of and
// below the middle, and so it does here. Grids are square, row by row, with ink from 0 to 1.

export const SIDE = 28;
const BOX = 20;
const FAINT = 0.1; // less is no ink

// Strokes of points {x, y} with a round pen, all in units of the grid's side, as ink.
export function rasterise(strokes, side, radius) {
  const grid = new Float32Array(side * side);
  for (const stroke of strokes) {
    stroke.forEach((point, at) => drawSegment(grid, side, radius, stroke[Math.max(at - 1, 0)], point));
  }
  return grid;
}

function drawSegment(grid, side, radius, from, to) {
  const [ax, ay, bx, by] = [from.x, from.y, to.x, to.y].map((value) => value * side);
  const reach = radius * side;
  const span = (low, high) => [
    Math.max(0, Math.floor(Math.min(low, high) - reach - 1)),
    Math.min(side, Math.ceil(Math.max(low, high) + reach + 1)),
  ];
  const [[left, right], [top, bottom]] = [span(ax, bx), span(ay, by)];
  const length = (bx - ax) ** 2 + (by - ay) ** 2;
  for (let row = top; row < bottom; row++) {
    for (let column = left; column < right; column++) {
      const [px, py] = [column + 0.5 - ax, row + 0.5 - ay];
      const along = length > 0 ? (px * (bx - ax) + py * (by - ay)) / length : 0;
      const near = Math.min(Math.max(along, 0), 1);
      const distance = Math.hypot(px - near * (bx - ax), py - near * (by - ay));
      const ink = Math.min(Math.max(reach - distance + 0.5, 0), 1);
      const at = row * side + column;
      if (ink > grid[at]) grid[at] = ink;
    }
  }
}

// First and last row and column with ink, or null where there is none.
export function inkBox(grid, side) {
  let [top, bottom, left, right] = [side, -1, side, -1];
  for (let row = 0, at = 0; row < side; row++) {
    for (let column = 0; column < side; column++, at++) {
      if (grid[at] <= FAINT) continue;
      [top, bottom] = [Math.min(top, row), row];
      [left, right] = [Math.min(left, column), Math.max(right, column)];
    }
  }
  return bottom < 0 ? null : { top, left, height: bottom - top + 1, width: right - left + 1 };
}

// The digit, 784 values; null where there is no ink.
export function centred(grid, side) {
  const box = inkBox(grid, side);
  if (!box) return null;
  const scale = Math.max(box.height, box.width) / BOX; // grid pixels in one pixel of the digit
  const height = Math.max(1, Math.round(box.height / scale));
  const width = Math.max(1, Math.round(box.width / scale));
  const fitted = new Float32Array(height * width);
  let [mass, massY, massX] = [0, 0, 0];
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const ink = meanInk(
        grid,
        side,
        [box.top + (row * box.height) / height, box.top + ((row + 1) * box.height) / height],
        [box.left + (column * box.width) / width, box.left + ((column + 1) * box.width) / width],
      );
      fitted[row * width + column] = ink;
      mass += ink;
      massY += ink * (row + 0.5);
      massX += ink * (column + 0.5);
    }
  }
  const top = shift(massY / mass, height);
  const left = shift(massX / mass, width);
  const digit = new Float32Array(SIDE * SIDE);
  for (let row = 0; row < height; row++) {
    digit.set(fitted.subarray(row * width, (row + 1) * width), (top + row) * SIDE + left);
  }
  return digit;
}

// Where the box begins: its centre of mass in the pixel behind the middle, and all of it inside.
function shift(centre, size) {
  return Math.min(Math.max(Math.ceil(SIDE / 2 - centre), 0), SIDE - size);
}

// Mean over a rectangle whose edges may cut pixels.
function meanInk(grid, side, [top, bottom], [left, right]) {
  let [sum, area] = [0, 0];
  for (let row = Math.floor(top); row < Math.min(Math.ceil(bottom), side); row++) {
    const high = Math.min(row + 1, bottom) - Math.max(row, top);
    for (let column = Math.floor(left); column < Math.min(Math.ceil(right), side); column++) {
      const part = high * (Math.min(column + 1, right) - Math.max(column, left));
      sum += part * grid[row * side + column];
      area += part;
    }
  }
  return area > 0 ? sum / area : 0;
}

// A picture's ink: grey values, turned round where the paper is white. Paper is what the picture's
// edge mostly is. Less than a fifth of the way from paper to the strongest ink counts as paper, more
// than 0.7 of it as full ink. RGBA bytes in, ink (height x width) out; null where all is paper.
export function inkOfPicture(rgba, width, height) {
  const grey = new Float32Array(width * height);
  for (let at = 0; at < grey.length; at++) {
    const [red, green, blue, opaque] = rgba.subarray(4 * at, 4 * at + 4);
    const value = (0.299 * red + 0.587 * green + 0.114 * blue) / 255;
    grey[at] = 1 - (1 - value) * (opaque / 255); // what is transparent lies on white paper
  }
  const paper = medianOfEdge(grey, width, height);
  const ink = grey.map((value) => (paper > 0.5 ? paper - value : value - paper));
  const most = ink.reduce((a, b) => Math.max(a, b), 0);
  if (most < 0.15) return null;
  return ink.map((value) => Math.min(Math.max((value / most - 0.2) / 0.5, 0), 1));
}

function medianOfEdge(grey, width, height) {
  const edge = [];
  for (let column = 0; column < width; column++) {
    edge.push(grey[column], grey[(height - 1) * width + column]);
  }
  for (let row = 0; row < height; row++) {
    edge.push(grey[row * width], grey[row * width + width - 1]);
  }
  edge.sort((a, b) => a - b);
  return edge[Math.floor(edge.length / 2)];
}

// A grey digit of 28 x 28 pixels on a grid as large as the pad, each pixel repeated.
export function enlarged(digit, side) {
  const factor = side / SIDE;
  return Float32Array.from({ length: side * side }, (_, at) => {
    const [row, column] = [Math.floor(at / side), at % side];
    return digit[Math.floor(row / factor) * SIDE + Math.floor(column / factor)];
  });
}
