"""Tiny data sets in the layouts that people have on disk, of real JPEGs.

Every builder takes the folder to build in and returns what to give as root. Each side has three classes of
four images; an image is grey noise with a block in its class's colour, and the block is its box. Among the
images of each data set are a grey one, a CMYK one and one that is stored turned and says so in EXIF.
"""

from __future__ import annotations

import colorsys
import zlib

import numpy as np
from PIL import Image
from scipy.io import savemat

SIZE = (24, 20)
BOX = (4, 2, 20, 18)  # left, top, right, bottom
EACH = 4  # images of a class
SIDE = 3  # classes for training, and for testing
_GREY, _CMYK, _TURNED = 1, 6, 11  # which images of a data set are stored in these ways
_ORIENTATION, _TURN_RIGHT = 0x0112, 6


def each(*labels, times=EACH):
    """The labels, each as often as a class has images."""
    return [label for label in labels for _ in range(times)]


def colour(label):
    """Colour of a class, far from those of its neighbours."""
    return tuple(round(255 * part) for part in colorsys.hsv_to_rgb(label * 0.381966 % 1, 0.9, 0.9))


def picture(path, label, kind=None):
    """Write one image; `kind` is its number in the data set, which decides how it is stored."""
    path.parent.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(zlib.crc32(path.name.encode()) + label)
    pixels = random.integers(90, 130, (SIZE[1], SIZE[0], 1)).repeat(3, axis=2)
    left, top, right, bottom = BOX
    block = random.integers(-10, 11, (bottom - top, right - left, 3)) + colour(label)
    pixels[top:bottom, left:right] = block.clip(0, 255)
    image = Image.fromarray(pixels.astype(np.uint8))
    if kind == _GREY:
        image = image.convert("L")
    elif kind == _CMYK:
        image = image.convert("CMYK")
    exif = Image.Exif()
    if kind == _TURNED:
        image = image.transpose(Image.Transpose.ROTATE_90)
        exif[_ORIENTATION] = _TURN_RIGHT
    image.save(path, quality=95, exif=exif, **({} if image.mode == "L" else {"subsampling": 0}))


def truncate(path):
    """Cut an image's file in half."""
    raw = path.read_bytes()
    path.write_bytes(raw[: len(raw) // 2])


def numbered(classes):
    """Label of each image of some classes, and its number in its class from 0."""
    return [(label, number) for label in classes for number in range(EACH)]


def write(path, *lines, end="\n"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}{end}" for line in lines), newline="")


def cub200(root, *, classes=(1, 2, 3, 101, 102, 103)):
    """CUB_200_2011 with all its lists; root is its parent."""
    home = root / "CUB_200_2011"
    cells = numbered(classes)
    names = {label: f"{label:03}.Bird_{label}" for label in classes}
    paths = [f"{names[label]}/Bird_{label}_{number + 7:04}.jpg" for label, number in cells]
    for kind, ((label, _), path) in enumerate(zip(cells, paths, strict=True)):
        picture(home / "images" / path, label, kind)
    left, top, right, bottom = BOX
    box = f"{left}.0 {top}.0 {right - left}.0 {bottom - top}.0"
    ids = range(1, len(cells) + 1)
    write(home / "images.txt", *(f"{i} {path}" for i, path in zip(ids, paths, strict=True)))
    write(
        home / "image_class_labels.txt", *(f"{i} {label}" for i, (label, _) in zip(ids, cells, strict=True))
    )
    write(home / "classes.txt", *(f"{label} {name}" for label, name in names.items()))
    write(
        home / "train_test_split.txt",
        *(f"{i} {int(number < 2)}" for i, (_, number) in zip(ids, cells, strict=True)),
    )
    write(home / "bounding_boxes.txt", *(f"{i} {box}" for i in ids))
    return root


def structs(fields, rows):
    """What MATLAB writes for a 1 x N struct array."""
    array = np.empty((1, len(rows)), dtype=[(field, object) for field in fields])
    for number, row in enumerate(rows):
        array[0, number] = row
    return array


def cells_of(texts):
    """What MATLAB writes for a 1 x N cell array of texts."""
    array = np.empty((1, len(texts)), dtype=object)
    array[0, :] = texts
    return array


CAR_FIELDS = ("bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2", "class")
CAR_CLASSES = (1, 2, 3, 99, 100, 101)
CAR_NAMES = [f"Car {number} 2012" for number in range(1, 102)]
_CAR_BOX = tuple(np.uint16(edge) for edge in (BOX[0] + 1, BOX[1] + 1, BOX[2], BOX[3]))


def cars196(root):
    """cars_annos.mat and car_ims/."""
    rows = []
    for kind, (label, number) in enumerate(numbered(CAR_CLASSES)):
        path = f"car_ims/{kind + 1:06}.jpg"
        picture(root / path, label, kind)
        rows.append((path, *_CAR_BOX, np.uint8(label), np.uint8(number >= 2)))
    annotations = structs(("relative_im_path", *CAR_FIELDS, "test"), rows)
    savemat(root / "cars_annos.mat", {"annotations": annotations, "class_names": cells_of(CAR_NAMES)})
    return root


def cars_devkit(root):
    """The devkit, the labels of the test images beside it, cars_train/ and cars_test/."""
    (root / "devkit").mkdir(parents=True)
    savemat(root / "devkit" / "cars_meta.mat", {"class_names": cells_of(CAR_NAMES)})
    files = {
        "train": root / "devkit" / "cars_train_annos.mat",
        "test": root / "cars_test_annos_withlabels.mat",
    }
    for part, file in files.items():
        rows = []
        cells = [cell for cell in numbered(CAR_CLASSES) if (cell[1] >= 2) == (part == "test")]
        for kind, (label, _) in enumerate(cells):
            picture(root / f"cars_{part}" / f"{kind + 1:05}.jpg", label, kind)
            rows.append((*_CAR_BOX, np.uint8(label), f"{kind + 1:05}.jpg"))
        savemat(file, {"annotations": structs((*CAR_FIELDS, "fname"), rows)})
        bare = [(*row[:4], row[5]) for row in rows]
    fields = (*CAR_FIELDS[:4], "fname")
    savemat(root / "devkit" / "cars_test_annos.mat", {"annotations": structs(fields, bare)})
    return root


def sop(root):
    """Stanford_Online_Products; root is its parent."""
    home = root / "Stanford_Online_Products"
    identifier = 0
    for part, classes in (("train", (1, 2, 3)), ("test", (11, 12, 13))):
        lines = ["image_id class_id super_class_id path"]
        for kind, (label, number) in enumerate(numbered(classes)):
            group, folder = [(1, "bicycle_final"), (4, "coffee_maker_final")][label % 2]
            path = f"{folder}/1112{label:08}_{number}.JPG"
            picture(home / path, label, kind)
            identifier += 1
            lines.append(f"{identifier} {label} {group} {path}")
        write(home / f"Ebay_{part}.txt", *lines)
    return root


def inshop(root, *, partition="Eval/list_eval_partition.txt", images="Img"):
    """In-shop Clothes Retrieval with boxes; two of the four images of an item are queries."""
    rows, boxes = [], []
    for kind, (label, number) in enumerate(numbered((2, 4, 5, 7, 8, 9))):
        view = ("1_front", "2_side", "3_back", "7_additional")[number]
        name = f"img/WOMEN/Blouses_Shirts/id_{label:08}/02_{view}.jpg"
        picture(root / images / name, label, kind)
        part = "train" if label < 7 else ("query", "gallery")[number % 2]
        rows.append(f"{name:<72} id_{label:08}                 {part:<8}")
        boxes.append(f"{name:<72} 1 1 {' '.join(f'{edge:03}' for edge in BOX)}")
    write(root / partition, str(len(rows)), "image_name item_id evaluation_status", *rows)
    header = "image_name  clothes_type  pose_type  x_1 y_1 x_2 y_2"
    write(root / "Anno" / "list_bbox_inshop.txt", str(len(boxes)), header, *boxes[::-1])
    return root


PERSONS = ("Ann_Lee", "Bo_de_Vries", "Cy_Oz", "Di_Ng", "Ed_Hill", "Flo_Ray")
PAIRS = (
    "2\t2",
    "Bo_de_Vries\t1\t3", "Bo_de_Vries\t2\t4",
    "Bo_de_Vries\t1\tDi_Ng\t4", "Di_Ng\t2\tBo_de_Vries\t3",
    "Flo_Ray\t1\t2", "Flo_Ray\t3\t4",
    "Flo_Ray\t1\tDi_Ng\t1", "Di_Ng\t3\tFlo_Ray\t3",
)  # fmt: skip


def lfw(root, *, folder="lfw"):
    """Labeled Faces in the Wild; pairs.txt names three of the persons."""
    for kind, (label, number) in enumerate(numbered(range(len(PERSONS)))):
        name = PERSONS[label]
        picture(root / folder / name / f"{name}_{number + 1:04}.jpg", label, kind)
    write(root / "pairs.txt", *PAIRS)
    return root


def csv_list(root):
    """A .csv file beside its images, with labels that are names and a column of one's own."""
    lines = ["path,label,split,photographer"]
    for kind, (label, number) in enumerate(numbered(range(2 * SIDE))):
        path = f"photos/{label}-{number}.jpg"
        picture(root / path, label, kind)
        lines.append(f"{path},{'aebdcf'[label]}-bird,{'train' if label < SIDE else 'test'},Ms {number}")
    write(root / "birds.csv", *lines)
    return root


BUILDERS = {
    "cub200": cub200,
    "cars196": cars196,
    "sop": sop,
    "inshop": inshop,
    "lfw": lfw,
    "csv": csv_list,
}
