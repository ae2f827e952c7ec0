"""Embeddings made of slices: random groups of classes (DREML) and heads at several depths (HDC), pruned.

The same as `embedlens train --data digits --split-by items --method dreml --learners 3 --meta-classes 5` and
`embedlens train --data digits --split-by items --method hdc --heads 2 --dim 16`, then
`embedlens pca-prune RUN --slices recorded`.
"""

from pathlib import Path

from embedlens.analysis.pruning import pruned_recall
from embedlens.analysis.spectrum import spectrum
from embedlens.analysis.spectrum.slices import slice_recalls, slices_of, take
from embedlens.experiments import Trainer
from embedlens.figures.pruning import figure_of_slices
from embedlens.figures.style import paper
from embedlens.training.config import TrainConfig

METHODS = {
    "dreml": {"loss": "softmax", "dim": 15, "method_options": {"learners": 3, "meta_classes": 5}},
    "hdc": {"loss": "contrastive", "dim": 16, "method_options": {"heads": 2}},
}


def main() -> None:
    rows = {}
    for name, options in METHODS.items():
        config = TrainConfig(
            data="digits", split_by="items", method=name, epochs=1, items_per_class=8, **options
        )
        run = Trainer(config, Path("runs") / name).run()
        if name == "dreml":
            print("meta-classes of the digits, a row a learner:")
            print(run.run_extra("meta_classes"))
        train, test = run.snapshot("train"), run.snapshot("test")
        count = len(run.info.slices)
        recalls = slice_recalls(test.embeddings, test.labels, count)
        print(f"{name}: R@1 of each slice {recalls.alone.round(3)}, joined {recalls.joined.round(3)}")
        whole = pruned_recall(test.embeddings, test.labels, fit=train.embeddings)
        slices = []
        for slice_ in slices_of(run.info.dim, count)[0]:
            z, fit = (take(part.embeddings, slice_) for part in (test, train))
            slices.append((spectrum(z), pruned_recall(z, test.labels, fit=fit)))
        rows[name] = (whole, slices)
    with paper("cvpr"):
        figure_of_slices(rows, title="digits, test", fit="train").savefig("slices.pdf")


if __name__ == "__main__":
    main()
