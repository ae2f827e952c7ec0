"""Where training moves the triplets, and where the loss alone would: EPSHN of first and second order.

The flow is what happened to the dots of a run; the field is what one gradient step does to a single triplet.
"""

from pathlib import Path

from embedlens.analysis.triplets import nearest_triplets
from embedlens.analysis.triplets.field import field
from embedlens.analysis.triplets.flow import flow
from embedlens.experiments import Trainer
from embedlens.figures.style import paper
from embedlens.figures.triplets.field import figure as field_figure
from embedlens.figures.triplets.flow import figure as flow_figure
from embedlens.figures.triplets.panels import ScatterPanel
from embedlens.training.config import TrainConfig


def main() -> None:
    config = TrainConfig(data="digits", loss="epshn", loss_options={"order": 2}, epochs=2, dim=16)
    run = Trainer(config, Path("runs/digits")).run()
    start, end = (
        ScatterPanel(run.name, "test", epoch, nearest_triplets(snapshot.embeddings, snapshot.labels))
        for epoch in (0, 2)
        for snapshot in [run.snapshot("test", epoch)]
    )
    moved = flow(start.triplets, end.triplets)
    print(f"{moved.count.size} arrows, mean change ({moved.mean_d_ap:+.3f}, {moved.mean_d_an:+.3f})")
    with paper("cvpr"):
        flow_figure([start], [end], [moved], width="column").savefig("flow.pdf")
        for order in (1, 2):
            corner = field("epshn", ([0.95], [0.95]), order=order)
            print(f"{corner.loss}: at (0.95, 0.95) along (1, {corner.d_an[0] / corner.d_ap[0]:.0f})")
        field_figure([end], field("epshn", order=2), width="column").savefig("field.pdf")


if __name__ == "__main__":
    main()
