"""A second opinion on what the widget draws: numpy decodes its state, from the formats alone."""

import base64

import numpy as np


def stored_codes(state: dict) -> np.ndarray:
    """The codes that a widget's state carries, (N, J)."""
    return np.frombuffer(base64.b64decode(state["codes"]), "<f4").reshape(
        state["count"], state["dimensions"]
    )


def unpacked(packed: str) -> np.ndarray:
    """A page's weights as float16, read from the format's description alone."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    values = {letter: f"{place:06b}" for place, letter in enumerate(letters)}
    count = next(n for n in range(3 * len(packed) // 7, 0, -1) if 2 * n + -(-n // 3) == len(packed))
    bits = [values[letter] for letter in packed]
    last = "".join(bits[2 * count :])
    words = [f"{bits[n]}{bits[count + n]}{last[2 * n : 2 * n + 2]}00" for n in range(count)]
    return np.array([int(word, 2) for word in words], dtype="<u2").view("<f2")


def mean_image(decoder: dict, shape: list[int], z: np.ndarray) -> np.ndarray:
    """The image (C, H, W) in [0, 1] that an exported decoder makes of one code (J,)."""
    weights = np.frombuffer(base64.b64decode(decoder["weights"]), "<f2").astype(np.float64)
    values, place = np.asarray(z, dtype=np.float64), 0

    def take(*shape: int) -> np.ndarray:
        nonlocal place
        place += int(np.prod(shape))
        return weights[place - int(np.prod(shape)) : place].reshape(shape)

    for layer in decoder["layers"]:
        if layer["kind"] == "linear":
            matrix = take(layer["outputs"], layer["inputs"])
            values = matrix @ values + take(layer["outputs"])
        elif layer["kind"] == "conv_transpose":
            kernel = take(layer["input"][0], layer["output"][0], *layer["kernel"])
            values = (
                _conv_transpose(layer, values.reshape(layer["input"]), kernel)
                + take(layer["output"][0])[:, None, None]
            )
        else:
            values = np.where(values > 0, values, 0.0)
    assert place == len(weights), "weights are left over"
    channels, height, width = shape
    return (1 / (1 + np.exp(-values.reshape(-1, height, width))))[:channels]


def _conv_transpose(layer: dict, image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Stamps the kernel, once for each place of it, on a canvas large enough for padding and output
    padding.
    """
    (rows, columns), (top, left) = layer["stride"], layer["padding"]
    _, height, width = image.shape
    outputs, out_height, out_width = layer["output"]
    canvas = np.zeros(
        (
            outputs,
            top + out_height + kernel.shape[2] + rows,
            left + out_width + kernel.shape[3] + columns,
        )
    )
    for y in range(kernel.shape[2]):
        for x in range(kernel.shape[3]):
            stamp = np.einsum("io,ihw->ohw", kernel[:, :, y, x], image)
            canvas[:, y : y + rows * height : rows, x : x + columns * width : columns] += stamp
    return canvas[:, top : top + out_height, left : left + out_width]
