"""The time-local model of mobile ions in a vibrating crystal.

An ion moves through a harmonic crystal that it deforms and that vibrates at a temperature. Integrated in full, every
atom of the crystal is a degree of freedom; in the time-local form of A. Rodin, B. A. Olsen, A. Ustyuzhanin and A.
Maevskiy, "Time-local stochastic equation of motion for solid ionic electrolytes", only the ion is, and the crystal is
its bath. Equations are numbered as there.

Units: eV, Å, ps, amu and K; a frequency Ω is an angular one, in rad/ps.
"""

import numpy as np
from numpy.typing import NDArray

from aiida_superionic.errors import SuperionicError

Array = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]
IntArray = NDArray[np.int64]


class LatticeError(SuperionicError):
    """A crystal, an interaction or a start that no motion can be computed of."""


class MotionError(LatticeError):
    """A motion that broke off, which a shorter step may carry on."""
