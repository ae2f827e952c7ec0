"""Every loss by its name, each with its default batches and mining, after one epoch on the small digits.

The same as `embedlens sweep --data digits --loss all --epochs 1 --dim 8`, from Python.
"""

from pathlib import Path

import embedlens
from embedlens.analysis.experiments.sweep import Record, summarise
from embedlens.analysis.scores import score
from embedlens.experiments import Trainer
from embedlens.figures.experiments.sweep import figure as sweep_figure
from embedlens.figures.style import paper
from embedlens.objectives import LOSSES
from embedlens.objectives.losses import default_rate
from embedlens.training.config import TrainConfig


def main() -> None:
    records = []
    for loss in LOSSES.names():
        config = TrainConfig(data="digits", loss=loss, lr=default_rate(loss, "adam"), epochs=1, dim=8)
        trainer = Trainer(config, Path("runs") / loss)
        run = trainer.run()
        first, last = (run.snapshot("test", epoch) for epoch in (0, -1))
        wanted = ["recall_at_1", "effective_rank"]
        start, end = (score(one.embeddings, one.labels, wanted) for one in (first, last))
        rank, recall = end["effective_rank"], end["recall_at_1"]
        text = f"R@1 {start['recall_at_1']:.3f} -> {recall:.3f}, effective rank {rank:.1f}"
        print(f"{loss}: batches {run.method['sampler']}, {text}")
        records.append(
            Record(loss, config.lr, 8, 0, recall, initial=start["recall_at_1"], effective_rank=rank)
        )
    print(embedlens.open_run("runs/margin").log[-1])  # what the loss logs besides
    with paper("cvpr"):
        figure = sweep_figure(summarise(records), label="test R@1", title="digits, epoch 1")
        figure.savefig("losses.pdf")


if __name__ == "__main__":
    main()
