"""
Scores of compressed embeddings
===============================

In how few bytes may an item be stored? R@1 against the bytes per item, for codes of several kinds, beside
the float32 embedding.

.. code-block:: sh

   embedlens compress demo-order1 demo-order2

The same from Python:
"""

from embedlens.analysis.compression import compress
from embedlens.experiments import demo_runs
from embedlens.figures.compression import figure
from embedlens.figures.style import paper

results = {}
for run in demo_runs():
    test, train = run.snapshot("test"), run.snapshot("train")
    found = compress(test.embeddings, test.labels, fit=train.embeddings)
    results[run.name] = found
    points = zip(found.codes, found.sizes, found.bytes, found.scores["recall_at_1"], strict=True)
    print(
        run.name, *(f"{code} {size}, {n} bytes: {score:.4f}" for code, size, n, score in points), sep="\n  "
    )
    print(f"  rescored: {found.n_candidates:.0f} candidates (mean), at least {found.candidates}")

with paper("cvpr"):
    drawn = figure(results, width="full", title=f"test, epoch {test.epoch}")
    drawn.savefig("compress.pdf")

# %%
# How to read it
# --------------
#
# - **The dashed line** is R@1 of the float32 embedding, 256 bytes of 64 dimensions. What is near it costs
#   nothing.
# - **Left is smaller.** Of codes of equal bytes the upper one is better.
# - **int8** stands on the line, at a quarter of the bytes. **Product quantisation** is near it at 16 bytes,
#   a sixteenth.
# - **First dims** fall earlier than **principal components**: nothing in the loss of these runs asks the
#   first dimensions for more than the others. A loss over prefixes would.
# - **Binary** codes take 8 bytes. Comparing the nearest ones again with the float query wins back a part
#   of what the signs lose, for no byte more.
#
# When it misleads
# ----------------
#
# - Components, ranges and centroids are fitted on the training split, whose classes are others. A run
#   without one is fitted on what is scored, and looks better than it would.
# - Items of one code tie, and ties count against the query. An index that returns any of them has a
#   higher R@1 by chance.
# - Embeddings after a ReLU have no negative values: their signs say only which are zero. Subtract the
#   mean before, or take no binary codes.
# - Bytes of an item are not those of an index: graphs and lists of ids come on top.
#
# Options
# -------
#
# ``--codes`` takes some of the codes, ``--dims``, ``--pq-m`` and ``--pq-bits`` set their sizes,
# ``--rescore`` the number of candidates, ``--metrics`` other scores, ``--fit`` the split to fit on. See the
# :doc:`guide </guides/compress>` and the :doc:`command line reference </reference/commands/compress>`.
#
# Formula
# -------
#
# With a normalised query :math:`q` and what the code of an item stands for, :math:`\hat z`, int8 and
# product quantisation compare
#
# .. math::
#
#    \lVert q - \hat z \rVert^2,
#
# the asymmetric distance of H. Jégou, M. Douze and C. Schmid, *Product quantization for nearest neighbor
# search*, TPAMI 2011. Binary codes :math:`b \in \{-1, 1\}^D` have the Hamming distance
# :math:`(D - b_q \cdot b_z) / 2`; the nearest are compared again by :math:`q \cdot b_z`.
