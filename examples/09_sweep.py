"""Seed figure: R@1 against learning rate for EP and EPSHN.

The same as `embedlens sweep --data digits --epochs 1 --dim 8 --lr 0.0004,0.0016`, from Python.
"""

from pathlib import Path

import embedlens
from embedlens.analysis.retrieval import recall_at_k
from embedlens.analysis.sweep import Record, summarise
from embedlens.figures.style import paper
from embedlens.figures.sweep import plot_panels
from embedlens.training.config import TrainConfig
from embedlens.training.grid import plan
from embedlens.training.trainer import Trainer


def main() -> None:
    grid = [
        TrainConfig(data="digits", loss=loss, lr=lr, epochs=1, dim=8, classes_per_batch=5, items_per_class=30)
        for loss in ("ep", "epshn")
        for lr in (0.0004, 0.0016)
    ]
    records = []
    for run in plan(grid, Path("runs"), any_threads=True):
        if not run.finished:
            trainer = Trainer(run.config, run.path, resume=run.path.exists())
            trainer.run(metrics=lambda embeddings, labels: {}, report=lambda progress: None)
        snapshot = embedlens.open_run(run.path).snapshot("test", run.config.epochs)
        recall = recall_at_k(snapshot.embeddings, snapshot.labels, [1])[1]
        records.append(Record(run.config.loss, run.config.lr, run.config.dim, run.config.seed, recall))
    result = summarise(records)
    print(result.columns())
    with paper("cvpr"):
        figure = plot_panels(result, label="test R@1", heading=f"digits, n = {len(snapshot.labels)}")
        figure.savefig("sweep.pdf")


if __name__ == "__main__":
    main()
