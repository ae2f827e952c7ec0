"""
t-SNE map
=========

Which classes does the embedding set apart, and which does it mix? The map places items in the plane so
that near neighbours stay near.

.. code-block:: sh

   embedlens tsne demo-order1 demo-order2 --sample 800

``--sample`` draws items by class; with hundreds of small classes it draws whole classes. The same from
Python:
"""

from embedlens.analysis.projection import draw_sample, tsne
from embedlens.experiments import demo_runs
from embedlens.figures.projection import Map, figure
from embedlens.figures.style import paper

runs = demo_runs()
labels, names = runs[0].labels("test"), runs[0].class_names
sample = draw_sample(labels, 800)
print(sample)

maps = []
for run in runs:
    snapshot = run.snapshot("test", -1)
    projection = tsne(snapshot.embeddings, rows=sample.rows)
    maps.append(Map(run.name, projection, labels))
    print(run.name, f"KL divergence {projection.kl_divergence:.3f}")

with paper("cvpr"):
    drawn = figure(maps, width="full", names=names, title="test, epoch 4")
    drawn.savefig("tsne.pdf")

# %%
# What the parameters do, on the same items of the first run:

changes = [
    {"perplexity": 5},
    {"perplexity": 200},
    {"initialization": "random"},
    {"exaggeration": 4},
    {"dof": 0.5},
    {"dof": 2},
]
embeddings = runs[0].snapshot("test", -1).embeddings
panels = []
for change in changes:
    ((name, value),) = change.items()
    projection = tsne(embeddings, rows=sample.rows, **change)
    panels.append(Map(f"{name} {value}", projection, labels))
    print(name, value, f"KL divergence {projection.kl_divergence:.3f}")

with paper("cvpr"):
    parameters = figure(panels, width="full", names=names)

# %%
# How to read it
# --------------
#
# - **A dot** is an item; ten classes have colours, or the eight largest where there are more.
#   ``--highlight`` names others.
# - **Near dots** are near neighbours in the embedding. A class in one clump is one that retrieval finds;
#   a class in several clumps has several ways to look.
# - **Two classes in one clump** are confused, or alike. Add ``--thumbnails`` to see which
#   (:doc:`/gallery/maps/tsne_forms`).
# - **Perplexity** is the number of neighbours that count. With 5 many classes break apart; 200, more than
#   ten times the items of a class, loosens the clumps and draws related classes together.
# - **Initialisation**: by PCA (the default) the map keeps the large arrangement of the embedding; at
#   random the same clumps lie elsewhere, with nearly the same divergence (0.313 against 0.315).
# - **Exaggeration** above 1 and **dof** below 1 both shrink the clumps; dof above 1 spreads them.
#
# When it misleads
# ----------------
#
# - Distances between clumps, their sizes and their densities say little: t-SNE evens out densities, and
#   random initialisations put the clumps anywhere.
# - Clumps appear also in noise, if the perplexity is small. What matters must show at several
#   perplexities.
# - The map is of a sample: whole classes, drawn at random. Classes that are left out cannot be seen to
#   overlap. The corner says how many items are shown.
# - The map does not rank trainings. Recall@1 and NMI do (:doc:`/reference/commands/evaluate`).
#
# Options
# -------
#
# ``--sample N`` with ``--every-class`` or ``--whole-classes``, ``--highlight``, ``--perplexity``,
# ``--init``, ``--exaggeration``, ``--dof``, ``--metric`` and the other parameters of openTSNE.
# ``--gradient auto`` counts all pairs up to 30,000 items and approximates (Barnes-Hut) beyond. See the
# :doc:`command line reference </reference/commands/tsne>`.
#
# Formula
# -------
#
# Neighbours have the affinities :math:`p_{ij}`, Gaussian in the cosine distance :math:`1 - z_i^\top z_j`,
# their widths set by the perplexity; in the map
# :math:`q_{ij} \propto (1 + \lVert y_i - y_j \rVert^2)^{-1}`. The optimiser minimises
#
# .. math::
#
#    \mathrm{KL}(P \,\Vert\, Q) = \sum_{i \ne j} p_{ij} \log \frac{p_{ij}}{q_{ij}}.
#
# L. van der Maaten and G. Hinton, *Visualizing Data using t-SNE*, Journal of Machine Learning Research 9,
# 2008. The optimiser is openTSNE's, with exact neighbours: P. G. Poličar, M. Stražar and B. Zupan,
# *openTSNE: A Modular Python Library for t-SNE Dimensionality Reduction and Embedding*, Journal of
# Statistical Software 109, 2024. The learning rate is the number of items over the exaggeration: A. C.
# Belkina, C. O. Ciccolella, R. Anno, R. Halpert, J. Spidlen and J. E. Snyder-Cappione, *Automated
# Optimized Parameters for t-Distributed Stochastic Neighbor Embedding Improve Visualization and Analysis
# of Large Datasets*, Nature Communications 10, 2019.
