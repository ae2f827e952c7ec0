r"""
Your own images
===============

Images in files, and a list of them: train on it, and see what the training does to the triplets. The list
is a CSV file with one image per line: path, label, split.

.. code-block:: sh

   embedlens train --data csv --root images/list.csv --image-size 16 \
       --items-per-class 16 --dim 16 --epochs 2 --out runs/own-images
   embedlens scatter runs/own-images --epoch all

The same from Python, with digits written as JPEG files first:
"""

import csv
from pathlib import Path

from PIL import Image
from sklearn.datasets import load_digits

from embedlens.analysis.triplets import nearest_triplets, summarise
from embedlens.experiments import Trainer
from embedlens.figures.style import paper
from embedlens.figures.triplets.panels import ScatterPanel, figure
from embedlens.training.config import TrainConfig

folder, digits = Path("images"), load_digits()
folder.mkdir()
rows = [("path", "label", "split")]
pairs = zip(digits.images, digits.target, strict=True)
for number, (pixels, digit) in enumerate(pairs):
    path = f"{digit}-{number}.jpg"
    image = Image.fromarray((pixels * 15.9).astype("uint8"))
    image.resize((24, 24)).save(folder / path, quality=95)
    rows.append((path, f"digit {digit}", "train" if digit < 5 else "test"))
with (folder / "list.csv").open("w", newline="") as file:
    csv.writer(file).writerows(rows)
print(*rows[:3], sep="\n")

# %%
# That list is all that the training needs. ``image_size`` is the size to which images are brought.

config = TrainConfig(
    data="csv", root="images/list.csv", image_size=16,
    dim=16, epochs=2, items_per_class=16,
)  # fmt: skip
run = Trainer(config, Path("runs/own-images"), workers=0).run()

panels = []
for epoch in run.epochs():
    snapshot = run.snapshot("test", epoch)
    triplets = nearest_triplets(snapshot.embeddings, snapshot.labels)
    panels.append(ScatterPanel(run.name, "test", epoch, triplets))
    print(f"epoch {epoch}: R@1 {summarise(triplets).below_diagonal:.3f}")

with paper("cvpr"):
    drawn = figure(panels, venue="cvpr", width="full")
    drawn.savefig("own_images.pdf")

# %%
# What to look at
# ---------------
#
# - Without a column ``split``, half of the classes train and half test. Splits ``query`` and ``gallery``
#   make scores search the gallery.
# - Labels may be words. They become the names of the classes in all figures.
# - A list that is malformed is refused by file and line, before anything is written; so is an image that
#   is missing or broken.
# - Folders of images, one for each class, need no list: ``--data folder --root photos``.
#
# Options
# -------
#
# ``--backbone timm:resnet50`` trains a pretrained network instead of the small one (``--image-size`` is
# then its own), ``--split-by items`` divides the items of each class, ``--readers`` reads images in
# processes. The guides are :doc:`/guides/datasets` and :doc:`/guides/backbones`.
