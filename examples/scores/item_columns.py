"""
Other labels, and cameras that do not count
===========================================

Is an item's nearest neighbour of its class, or only of the same camera? A column of the items, in
``items.csv``, answers both: ``--labels`` reads it as labels, ``--junk`` leaves its easy positives out.

.. code-block:: sh

   embedlens evaluate cameras --labels camera       # is the nearest item of the same camera?
   embedlens evaluate cameras --junk camera         # the protocol of Market-1501
   embedlens scatter cameras --junk camera

Here the items are synthetic: 60 identities, five images of each by four cameras. An embedding is that of the
identity, plus one of the camera, plus noise; so images of one identity by one camera are the most similar."""

import numpy as np

import embedlens
from embedlens.analysis.triplets import nearest_triplets
from embedlens.figures.style import paper
from embedlens.figures.triplets.panels import ScatterPanel, figure
from embedlens.leave_out import LeaveOut
from embedlens.searches import search_of
from embedlens.store.relabelled import relabelled

random = np.random.default_rng(0)
identity, camera = np.repeat(np.arange(60), 20), np.tile(np.repeat(np.arange(4), 5), 60)
z = random.normal(size=(60, 32))[identity] + 0.7 * random.normal(size=(4, 32))[camera]
z += 0.6 * random.normal(size=z.shape)

with embedlens.Recorder(
    "cameras",
    labels={"test": identity},
    items={"test": {"camera": [f"c{one}" for one in camera]}},
    method={"data": "made"},
) as recorder:
    recorder.record(0, {"test": z.astype(np.float32)})
run = recorder.run

by_identity = search_of(run, "test")
across = search_of(run, "test", leave_out=LeaveOut(junk="camera"))
by_camera = search_of(relabelled(run, "camera"), "test")
for name, search in {"identity": by_identity, "identity, --junk camera": across, "camera": by_camera}.items():
    scores = search.score(["recall_at_1", "map_at_r"])
    print(f"{name:>23}: R@1 {scores['recall_at_1']:.4f}, MAP@R {scores['map_at_r']:.4f}")

# %%
# Every command takes these options, and every figure obeys them. The triplets of the same queries, with the
# images of their own camera in the gallery and without:

panels = [
    ScatterPanel(name, "test", 0, nearest_triplets(search.z, search.y, gallery=search.gallery))
    for name, search in {"all images": by_identity, "other cameras": across}.items()
]
with paper("cvpr"):
    drawn = figure(panels, venue="cvpr", width="full")
    drawn.savefig("item_columns.pdf")

# %%
# How to read it
# --------------
#
# - **Without the option** the nearest positive is mostly another image by the query's camera: the dots lie
#   at the right, below the diagonal, and R@1 is high.
# - **With it** the nearest positive has to come from another camera. Negatives are the same, so the dots
#   only move to the left, and R@1 is that of person re-identification.
# - **R@1 by camera** says how well the space separates cameras; by chance it is near 0.25.
#
# When it misleads
# ----------------
#
# - Items without a value have no label in ``--labels``, and are left out with a warning; in ``--junk``
#   they share theirs with no other item.
# - ``--junk`` leaves out positives alone, negatives of the same camera stay. ``--not-same`` leaves out both:
#   a query then finds only images of other cameras, so scores of the two differ.
# - A query whose positives are all by its camera is not counted; the table has the number that are.
#
# Options
# -------
#
# ``--labels``, ``--junk`` and ``--not-same`` name a column each: see :doc:`/guides/leaving_out`, and the
# :doc:`command line reference </reference/commands/evaluate>`.
#
# Formula
# -------
#
# With labels :math:`y`, cameras :math:`c`, queries :math:`q` and gallery items :math:`g`, the gallery of a
# query is
#
# .. math::
#
#    G(q) = \{g: g \ne q\} \setminus \{g: y_g = y_q, c_g = c_q\},
#
# after L. Zheng, L. Shen, L. Tian, S. Wang, J. Wang and Q. Tian, *Scalable person re-identification: a
# benchmark*, ICCV 2015.
