"""Seed figures: singular values of sizes 64, 32 and 16 overlaid, and the largest and smallest component.

The same as `embedlens spectrum` and `embedlens components`, from Python and on the small digits.
"""

from pathlib import Path

from embedlens.analysis.spectrum import spectrum
from embedlens.analysis.spectrum.components import class_scatter
from embedlens.analysis.spectrum.slices import slice_recalls
from embedlens.experiments import Trainer
from embedlens.figures import spectrum as curves
from embedlens.figures.spectrum import components as scatters
from embedlens.figures.style import paper
from embedlens.training.config import TrainConfig


def main() -> None:
    spectra = {}
    for dim in (64, 32, 16):
        config = TrainConfig(data="digits", loss="triplet", epochs=1, dim=dim)
        trainer = Trainer(config, Path(f"runs/digits-{dim}"))
        run = trainer.run()
        snapshot = run.snapshot("test", -1)
        spectra[run.name] = spectrum(snapshot.embeddings)
        print(run.name, spectra[run.name].summary())
        print(run.name, slice_recalls(snapshot.embeddings, snapshot.labels, 4).columns())
    largest_and_smallest = class_scatter(snapshot.embeddings, snapshot.labels)
    with paper("cvpr"):
        curves.figure(spectra, title="digits, test").savefig("spectrum.pdf")
        scatters.figure({run.name: largest_and_smallest}).savefig("components.pdf")


if __name__ == "__main__":
    main()
