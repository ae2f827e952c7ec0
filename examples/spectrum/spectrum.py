"""
Singular values
===============

How many directions does the embedding use, and how evenly? The spectrum draws the singular values of the
embeddings, the largest first; beside it stand the effective rank, the participation ratio and the number
of dead dimensions.

.. code-block:: sh

   embedlens spectrum demo-order1 demo-order2

The same from Python:
"""

import numpy as np

from embedlens.analysis.spectrum import spectrum
from embedlens.experiments import demo_runs
from embedlens.figures.spectrum import figure
from embedlens.figures.style import paper

spectra = {}
for run in demo_runs():
    snapshot = run.snapshot("test", -1)
    spectra[run.name] = spectrum(snapshot.embeddings)
    for name, value in spectra[run.name].summary().items():
        print(run.name, name, f"{value:.4g}")

with paper("cvpr"):
    drawn = figure(spectra, title=f"test, epoch {snapshot.epoch}")
    drawn.savefig("spectrum.pdf")

# %%
# Other forms of the same numbers: ``--cumulative``, the variance that the leading components hold, and
# ``--svd``, the spectrum of the embeddings with their mean left in.

uncentred = {name: one.uncentred() for name, one in spectra.items()}
with paper("cvpr"):
    forms = [figure(spectra, cumulative=True), figure(uncentred)]

# %%
# Dead dimensions: the same embeddings, of which a quarter of the dimensions is set to 0 and the rest
# rotated into all 64. No column of the result is 0, but on the logarithmic axis (``--log``) crosses show
# that 16 directions are not used.

dim = spectra[run.name].dim
rotation, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(dim, dim)))
cut = snapshot.embeddings[:, dim // 4 :] @ rotation[dim // 4 :]
with paper("cvpr"):
    both = {run.name: spectra[run.name], "cut": spectrum(cut)}
    dead = figure(both, log=True)

# %%
# How to read it
# --------------
#
# - **The value of component k** is the standard deviation of the embeddings along the k-th principal
#   direction. Rows are normalised first, so that runs can be compared.
# - **A steep curve** uses few directions: 90 % of the variance of the first order lies in 18 of 64
#   components, that of the second order in 30.
# - **Effective rank** (uncentred) and **participation ratio** (centred) say the same in one number: 38.9
#   and 17.6 of 64 for the first order, 51.0 and 27.3 for the second. **rho** is 0 for a flat spectrum,
#   and larger the steeper it is.
# - **A dead dimension** has a singular value within the rounding of the stored numbers. Training does not
#   use this direction; the embedding could be stored without it.
# - **With** ``--svd`` the first value is mostly the mean: the similarity that all pairs of items share.
#   If it towers over the others, the space is collapsing into one direction.
#
# When it misleads
# ----------------
#
# - A flat spectrum is not a better embedding. The second order has the higher effective rank, and the
#   lower Recall@1 (86.1 % against 89.9 %). Isotropic noise has the highest rank of all.
# - Effective rank weighs the singular values, the participation ratio their squares. The first rises with
#   a long tail of small values, the second hardly does; so they may disagree on the same run.
# - N items span at most N directions. With few more items than dimensions, the small values are too
#   small. Compare splits of about the same size.
#
# Options
# -------
#
# ``--log`` and ``--cumulative`` choose the axis, ``--svd`` leaves the mean in, ``--no-normalize`` takes
# rows as they are stored, ``--slices K`` shows each slice of the embedding alone. For ``--epoch all`` see
# :doc:`/gallery/spectrum/epochs`, for ``--intra-class`` :doc:`/gallery/spectrum/intra_class`. See the
# :doc:`command line reference </reference/commands/spectrum>`.
#
# Formula
# -------
#
# For N normalised embeddings as rows of :math:`Z`, with mean :math:`\bar z`, the figure shows
#
# .. math::
#
#    \sigma_k / \sqrt{N - 1}, \qquad \sigma_k \text{ the singular values of } Z - 1 \bar z^\top
#    \text{ (PCA), or of } Z \text{ (SVD).}
#
# With :math:`p_k = \sigma_k / \sum_j \sigma_j` of the uncentred and :math:`\lambda_k = \sigma_k^2` of the
# centred embeddings of D dimensions:
#
# .. math::
#
#    \text{effective rank} = \exp\Bigl(-\sum_k p_k \log p_k\Bigr), \qquad
#    \text{participation ratio} = \frac{(\sum_k \lambda_k)^2}{\sum_k \lambda_k^2},
#
# .. math::
#
#    \rho(1) = -\frac{1}{D} \sum_k \log(D\, p_k).
#
# Effective rank: O. Roy and M. Vetterli, *The Effective Rank: A Measure of Effective Dimensionality*,
# EUSIPCO 2007; of embeddings: Q. Garrido, R. Balestriero, L. Najman and Y. LeCun, *RankMe: Assessing the
# Downstream Performance of Pretrained Self-Supervised Representations by Their Rank*, ICML 2023.
# Participation ratio: P. Gao, E. Trautmann, B. Yu, G. Santhanam, S. Ryu, K. Shenoy and S. Ganguli, *A
# Theory of Multineuronal Dimensionality, Dynamics and Measurement*, bioRxiv 2017. :math:`\rho`: K. Roth,
# T. Milbich, S. Sinha, P. Gupta, B. Ommer and J. P. Cohen, *Revisiting Training Strategies and
# Generalization Performance in Deep Metric Learning*, ICML 2020.
#
# A direction is dead if :math:`\sigma_k \le 2^{-20} \sqrt{\sum_{ij} Z_{ij}^2}`, eight roundings of
# float32; of snapshots in float16, if it is at most :math:`2^{-11}` of that root. By Weyl's inequality,
# rounding to float16 cannot lift an unused direction above this.
