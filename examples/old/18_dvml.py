"""Seed figures: the space of deep variational metric learning, and the variance within its classes.

The same as `embedlens train --data digits --method dvml --loss n-pair-mc --record-latent`, then `embedlens
tsne --central --thumbnails`, `embedlens tsne --synthesised 20` and `embedlens spectrum --intra-class`.
"""

from pathlib import Path

from matplotlib.figure import Figure

from embedlens.analysis.projection import tsne
from embedlens.analysis.projection.synthesis import synthesised, synthesised_map
from embedlens.analysis.spectrum.intra_class import class_spectra
from embedlens.experiments import Trainer
from embedlens.figures import projection
from embedlens.figures.projection import synthesis
from embedlens.figures.spectrum import intra_class as spectrum_classes
from embedlens.figures.style import class_colors, paper
from embedlens.training.config import TrainConfig


def main() -> None:
    config = TrainConfig(
        data="digits", split_by="items", loss="n-pair-mc", method="dvml", dim=16, epochs=3,
        classes_per_batch=10, items_per_class=2, method_options={"record_latent": True},
    )  # fmt: skip
    run = Trainer(config, Path("runs/dvml")).run()
    test = run.snapshot("test")
    z, y = test.embeddings, test.labels
    mu, sigma = (run.extra("test", name, test.epoch) for name in ("mu", "sigma"))

    spectra = class_spectra(z, y)
    print(f"total variance varies by {spectra.variation:.2f}, {spectra.variation_if_alike:.2f} if alike")
    print(f"similarity {spectra.mean_similarity:.2f}, {spectra.similarity_if_alike:.2f} if alike")
    central = tsne(z, y, central=True, n_iter=250)
    both = synthesised_map(z, synthesised(z, y, mu=mu, sigma=sigma, per_class=20), n_iter=250)

    with paper("cvpr"):
        figure = Figure(figsize=(6.875, 2.4), layout="constrained")
        left, middle, right = figure.subplots(1, 3)
        projection.plot(central, left, labels=y, thumbnails=run.thumbnails("test"))
        left.set_title("class means subtracted")
        colors = class_colors(y)
        box = projection.limits_of([both])
        projection.plot(both.items, middle, labels=y, colors=synthesis.paler(colors), limits=box, area=4)
        synthesis.plot(both, middle, colors=colors)
        middle.set_title("with synthesised points")
        spectrum_classes.plot(spectra, right, colors=colors)
        figure.savefig("dvml.pdf")


if __name__ == "__main__":
    main()
