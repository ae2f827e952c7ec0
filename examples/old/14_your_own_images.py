"""Images in files and a list of them: train on it, and see the scatter move.

The list has a line an image: path, label, split. The same from the command line:
`embedlens train --data csv --root images/list.csv --image-size 16`.
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


def write_images(folder: Path) -> Path:
    """Write small digits as JPEGs, and their list: digits 0 to 4 for training, the others for testing."""
    digits = load_digits()
    folder.mkdir()
    rows = []
    for number, (pixels, digit) in enumerate(zip(digits.images, digits.target, strict=True)):
        path = f"{digit}-{number}.jpg"
        Image.fromarray((pixels * 15.9).astype("uint8")).resize((24, 24)).save(folder / path, quality=95)
        rows.append((path, f"digit {digit}", "train" if digit < 5 else "test"))
    with (folder / "list.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("path", "label", "split"), *rows])
    return folder / "list.csv"


def main() -> None:
    images = write_images(Path("images"))
    config = TrainConfig(data="csv", root=str(images), image_size=16, dim=16, epochs=2, items_per_class=16)
    trainer = Trainer(config, Path("runs/own-images"), workers=0)
    run = trainer.run()
    panels = []
    for epoch in run.epochs():
        snapshot = run.snapshot("test", epoch)
        triplets = nearest_triplets(snapshot.embeddings, snapshot.labels)
        print(f"epoch {epoch}", summarise(triplets).summary())
        panels.append(ScatterPanel(run.name, "test", epoch, triplets))
    with paper("cvpr"):
        figure(panels, venue="cvpr", width="full").savefig("own_images.pdf")


if __name__ == "__main__":
    main()
