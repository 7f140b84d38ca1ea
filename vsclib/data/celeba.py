"""CelebA: aligned photographs of faces, cropped to their middle and made small, listed by
torchvision.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from vsclib.data import downloads, folders, image_files
from vsclib.data.dataset import DataSet, Information, Split, assemble
from vsclib.errors import DataError

FOLDER = "celeba"
PICTURES = "img_align_celeba"
#: Side of the square that is cut from the middle of the 178x218 photographs before it is made small.
CROP = 148
#: The lists with the MD5 that torchvision knows. The photographs themselves come as one archive, the last row.
LISTS = (
    ("list_eval_partition.txt", "d32c9cbf5e040fd4025c592c306e6668"),
    ("list_attr_celeba.txt", "75e246fa4810816ffd6ee81facbd244c"),
    ("identity_CelebA.txt", "32bd1bd63d3c78cd57e08160ec5ed1e2"),
    ("list_bbox_celeba.txt", "00566efa6fedff7a56946cd1c10f1c16"),
    ("list_landmarks_align_celeba.txt", "cc24ecafdb5b50baae59b03474781f8c"),
)
ARCHIVE = (f"{PICTURES}.zip", "00d2c5bc6d35e252742224ab0c1e8fcb")
ATTRIBUTES = (
    *(
        "5_o_Clock_Shadow",
        "Arched_Eyebrows",
        "Attractive",
        "Bags_Under_Eyes",
        "Bald",
        "Bangs",
        "Big_Lips",
        "Big_Nose",
    ),
    *(
        "Black_Hair",
        "Blond_Hair",
        "Blurry",
        "Brown_Hair",
        "Bushy_Eyebrows",
        "Chubby",
        "Double_Chin",
        "Eyeglasses",
    ),
    *(
        "Goatee",
        "Gray_Hair",
        "Heavy_Makeup",
        "High_Cheekbones",
        "Male",
        "Mouth_Slightly_Open",
        "Mustache",
    ),
    *(
        "Narrow_Eyes",
        "No_Beard",
        "Oval_Face",
        "Pale_Skin",
        "Pointy_Nose",
        "Receding_Hairline",
        "Rosy_Cheeks",
    ),
    *(
        "Sideburns",
        "Smiling",
        "Straight_Hair",
        "Wavy_Hair",
        "Wearing_Earrings",
        "Wearing_Hat",
        "Wearing_Lipstick",
    ),
    *("Wearing_Necklace", "Wearing_Necktie", "Young"),
)


class Faces(NamedTuple):
    """The faces at one size.

    Attributes:
        name: what ``load`` is asked for.
        size: side of the small image in pixels.
        information: for readers.
    """

    name: str
    size: int
    information: Information


def load(faces: Faces, root: str | Path | None = None) -> DataSet:
    """The training and the test part as published; the part called *valid* stays out.

    The middle 148x148 pixels of each photograph are made small with Pillow's antialiased bilinear
    filter. The papers give the small size and not what they cut; 148 is what most work with these
    faces takes. Every load opens all 182,732 files, which takes minutes.

    Args:
        faces: ``CELEBA_64`` or ``CELEBA_32``.
        root: folder that holds ``celeba`` with the lists and the folder ``img_align_celeba``; when
            it is given, nothing else is searched and nothing is downloaded.

    Returns:
        The data set, without labels. Its factors are 40 attributes, 0 or 1, as people judged them:
        nobody knows what the images were made from.

    Raises:
        DataError: a file is missing, damaged or another one; or there is no copy and no download.
    """
    folder = folders.find(FOLDER, root) or _download(faces.name)
    remedy = downloads.remedy(folder)
    for file, md5 in LISTS:
        downloads.check_md5(folder / file, md5, remedy)
    if not (folder / PICTURES).is_dir():
        raise DataError(
            f"{folder / PICTURES} is missing, expected the folder of photographs: unpack {ARCHIVE[0]} there"
        )
    train, test = (_read(folder, part, faces.size, remedy) for part in ("train", "test"))
    return assemble(faces.name, train, test, ())


def _read(folder: Path, part: str, size: int, remedy: str) -> Split:
    # Imported here: torchvision takes a second to import.
    from torchvision import datasets

    listed = datasets.CelebA(folder.parent, split=part)
    pixels = np.empty((len(listed.filename), 3, size, size), dtype=np.uint8)
    for row, file in enumerate(listed.filename):
        path = folder / PICTURES / file
        if not path.is_file():
            raise DataError(f"{path} is missing, although {LISTS[0][0]} lists it: {remedy}")
        pixels[row] = image_files.read_middle(path, CROP, size)
    return Split(pixels, None, listed.attr.numpy().astype(np.float64))


def _download(name: str) -> Path:
    by_hand = (
        f"put {', '.join(file for file, _ in LISTS)} and the unpacked {ARCHIVE[0]} from "
        f"http://mmlab.ie.cuhk.edu.hk/projects/CelebA.html into DATA/{FOLDER} and set {folders.VARIABLE}=DATA"
    )

    def fetch(temporary: Path) -> None:
        from torchvision import datasets

        datasets.CelebA(temporary, download=True)
        (temporary / FOLDER / ARCHIVE[0]).unlink(missing_ok=True)

    return downloads.into_cache(name, FOLDER, fetch, by_hand)


def _faces(name: str, size: int, title: str) -> Faces:
    return Faces(
        name=name,
        size=size,
        information=Information(
            title=title,
            train=162_770,
            test=19_962,
            image_shape=(3, size, size),
            classes=(),
            factors=ATTRIBUTES,
            licence="for non-commercial research only",
            source="Z. Liu, P. Luo, X. Wang, X. Tang, Deep Learning Face Attributes in the Wild (2015), "
            "http://mmlab.ie.cuhk.edu.hk/projects/CelebA.html; the aligned images",
            origin="VSCLIB_DATA, the user's cache, or a download of 1.4 GB through torchvision, which needs gdown",
            sha256="",
            files=(*LISTS, ARCHIVE),
        ),
    )


#: As in Li and Han.
CELEBA_64 = _faces("celeba", 64, "CelebA 64x64")
#: As in the VSC papers.
CELEBA_32 = _faces("celeba_32", 32, "CelebA 32x32")
