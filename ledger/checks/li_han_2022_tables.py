"""Li & Han (2022), tables: numbers that contradict one another, a decibel that counts double."""

import math
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from ledger.results import read
from vsclib.checks import Correction, Verdict, close, correction, fails
from vsclib.metrics.image_quality import image_psnr

SETS = ("MNIST", "Fashion", "CelebA", "SVHN")
LEVELS = ("0.3", "0.5", "0.7")


def _rows(id: str, models: Iterable[str], columns: Iterable[str]) -> dict[str, tuple[float, ...]]:
    """A printed table, of the ledger's list of results."""
    printed, columns = read()[id].printed, tuple(columns)
    return {model: tuple(printed[f"{model} {column}"] for column in columns) for model in models}


TABLE_1 = _rows("li-han-2022-table-1", ("VSC", "VAE", "beta-VAE", "short-run", "ours"), SETS)
"""PSNR as printed, by data set in the order of SETS."""
TABLE_3 = _rows("li-han-2022-table-3", ("VSC", "beta-VAE", "ABP", "short-run", "ours"), LEVELS)
"""Accuracy in percent on images with more and more noise."""
TABLE_4 = {name: read()["li-han-2022-table-4"].printed[f"PSNR proposed {name}"] for name in SETS}
"""PSNR of the proposed model as printed."""
SUPPLEMENT = {
    row.removeprefix("PSNR "): values
    for row, values in _rows(
        "li-han-supplement-table-1", ("PSNR multiple chains", "PSNR single chain"), "357"
    ).items()
}
"""PSNR on MNIST in the supplement's Table 1."""


def psnr_counts_double() -> Iterator[Correction | Verdict]:
    """The square root is missing: 20 log10 takes a root mean square, 10 log10 a mean square."""
    image = torch.zeros(1, 1, 4, 4)
    off = image + 0.1
    mean_square = (image - off).square().mean().item()
    yield correction(
        "E26, an image that is 0.1 off everywhere has 20 dB",
        lambda name, decibel: close(name, decibel, 20.0, tolerance=1e-4),
        printed=20 * math.log10(1 / mean_square),
        right=10 * math.log10(1 / mean_square),
    )
    yield close("E26, library", image_psnr(image, off), [20.0], tolerance=1e-4)

    low, high = min(map(min, SUPPLEMENT.values())), max(map(max, SUPPLEMENT.values()))
    yield correction(
        f"E08, MNIST within the supplement's {low} to {high} dB",
        lambda name, decibel: close(name, decibel, (low + high) / 2, tolerance=(high - low) / 2),
        printed=TABLE_1["ours"][0],
        right=TABLE_1["ours"][0] / 2,
    )
    # All six cells of the supplement's table, with a margin; one model, different inference.
    cells = torch.tensor(list(SUPPLEMENT.values())).flatten()
    yield correction(
        "E08, MNIST within 1.5 dB of each of the supplement's six cells",
        lambda name, decibel: close(name, [decibel] * 6, cells, tolerance=1.5),
        printed=TABLE_1["ours"][0],
        right=TABLE_1["ours"][0] / 2,
    )
    # All twenty cells, in grey levels of 256: as PSNR they leave errors below six levels.
    table = torch.tensor(list(TABLE_1.values()), dtype=torch.float64)

    def fewer_than_six(name: str, decibel: Tensor) -> Verdict:
        levels = 255 * 10 ** (-decibel / 20)
        return close(name, (levels < 6).double().mean(), 1.0, tolerance=0.0)

    yield fewer_than_six("E26, twenty cells read as PSNR, errors below six grey levels", table)
    yield fails(fewer_than_six, "E26, twenty cells halved, the same", table / 2)
    implied = [10 ** (-row[0] / 20) for row in TABLE_1.values()]
    yield close(
        "E26, mean square that is implied",
        implied,
        [0.0231, 0.0116, 0.0207, 0.0101, 0.0138],
        tolerance=5e-5,
    )


def a_header_is_swapped() -> Iterator[Correction]:
    """Table 4 repeats Table 1's numbers of CelebA and SVHN under each other's names."""
    yield correction(
        "E23, Table 4 against Table 1",
        lambda name, order: close(
            name, [TABLE_4[data] for data in order], TABLE_1["ours"], tolerance=0
        ),
        printed=SETS,
        right=("MNIST", "Fashion", "SVHN", "CelebA"),
    )


def two_similarities_for_one_experiment() -> Iterator[Verdict]:
    """SSIM on MNIST with noise of 0.5: Table 2's 0.33 is Table 4's row of constant sparsity."""
    table_2 = read()["li-han-2022-table-2"].printed["ours 0.5"]
    table_4 = read()["li-han-2022-table-4"].printed
    proposed, constant = table_4["SSIM proposed MNIST"], table_4["SSIM constant MNIST"]
    yield fails(
        close, "E24, proposed model, Table 4 against Table 2", proposed, table_2, tolerance=5e-3
    )
    yield close(
        "E24, constant sparsity, Table 4 against Table 2", constant, table_2, tolerance=5e-3
    )


def accuracy_that_rises_with_noise() -> Iterator[Verdict]:
    """More noise lowers every model's accuracy but one's, whose middle entry is a PSNR."""
    for model, row in TABLE_3.items():
        falling = sorted(row, reverse=True)
        if model != "ABP":
            yield close(f"E28, {model} falls with noise", row, falling, tolerance=0)
    yield fails(
        close,
        "E28, ABP falls with noise",
        TABLE_3["ABP"],
        sorted(TABLE_3["ABP"], reverse=True),
        tolerance=0,
    )
    yield close(
        "E28, ABP's middle entry and the VAE's PSNR on CelebA",
        TABLE_3["ABP"][1],
        TABLE_1["VAE"][2],
        0,
    )


def ranks_in_table_1() -> Iterator[Verdict]:
    """Short-run inference leads on all four sets; the sparse model passes the VAE on three."""
    rows = zip(*TABLE_1.values(), strict=True)
    best = [max(zip(row, TABLE_1, strict=True))[1] for row in rows]
    ahead = [ours > vae for ours, vae in zip(TABLE_1["ours"], TABLE_1["VAE"], strict=True)]
    yield close("E07, sets that short-run leads", best.count("short-run"), len(SETS), tolerance=0)
    yield fails(
        close, "E07, sets that the sparse model leads", best.count("ours"), len(SETS), tolerance=0
    )
    yield close(
        "E29, ahead of the VAE on MNIST, Fashion, CelebA, SVHN",
        ahead,
        [False, True, True, True],
        tolerance=0,
    )
