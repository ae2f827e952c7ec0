"""Codes in which embeddings may be stored, and their parameters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from embedlens.analysis.compression.codes import check_bits, check_subquantizers
from embedlens.analysis.pruning import check_dims
from embedlens.arguments import check_integers
from embedlens.errors import InputError, unknown

CODES = ("dims", "pca", "int8", "binary", "rescored", "pq")
"""Codes as they are named; the float32 embedding is always measured, too."""
FITTED = {"pca", "int8", "pq"}
"""Codes that are fitted on items."""
FULL = "float32"
CANDIDATES = 100
_LEAST_DIMS, _LEAST_GROUPS, _MOST_GROUPS = 4, 4, 64


@dataclass(frozen=True, slots=True)
class CodeOptions:
    """Codes to measure, and their parameters.

    Attributes
    ----------
    names
        Some of `CODES`; None: all that can be computed, the others are named with the reason.
    dims
        Numbers of first dimensions and of leading components; None: powers of two from 4, and D.
    subquantizers, bits
        Of product quantisation: numbers of groups of dimensions, each a divisor of D (None: powers of two
        from 4 to 64), and bits of the code of a group.
    candidates
        Number of nearest binary codes that are rescored.
    """

    names: tuple[str, ...] | None = None
    dims: tuple[int, ...] | None = None
    subquantizers: tuple[int, ...] | None = None
    bits: int = 8
    candidates: int = CANDIDATES

    def check(self) -> None:
        """Refuse unknown codes, and parameters that no embedding has."""
        for name in self.names or ():
            if name not in CODES:
                raise unknown(name, "code", CODES)
        if self.names is not None and not self.names:
            message = f"no code given; choose some of: {', '.join(CODES)}"
            raise InputError(message)
        check_bits(self.bits)
        if self.candidates < 1:
            message = f"{self.candidates} candidates to rescore; at least 1 is needed"
            raise InputError(message)

    def dims_of(self, dim: int) -> list[int]:
        """Return the numbers of dimensions to keep of D, ascending; `InputError` where it has not as many."""
        if self.dims is None:
            return [*_powers(_LEAST_DIMS, dim - 1), dim]
        kept = np.unique(check_integers(self.dims, "dims to keep"))
        check_dims(kept, dim)
        return [int(number) for number in kept]

    def groups_of(self, dim: int) -> list[int]:
        """Return the numbers of groups of D dims, ascending; `InputError` where one does not divide D."""
        if self.subquantizers is None:
            most = max(1, min(_MOST_GROUPS, dim // 2))
            divisors = [one for one in range(1, most + 1) if dim % one == 0]
            powers = [one for one in _powers(_LEAST_GROUPS, most) if one in divisors]
            return powers or divisors
        for number in self.subquantizers:
            check_subquantizers(number, dim)
        return sorted(set(self.subquantizers))


def _powers(least: int, most: int) -> list[int]:
    """Return the powers of two in a range."""
    return [1 << bit for bit in range(most.bit_length()) if least <= 1 << bit <= most]
