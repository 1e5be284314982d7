"""Constraints as stock LAMMPS commands: any pair style, any number of MPI ranks.

With a_i the reference positions of a body, J its moments of inertia and M its mass, the forces f_i become

    f_i − m_i (λ × a_i),  λ = J⁻¹ Σ a_j × f_j       and, where the centre of mass is held,  − (m_i / M) Σ f_j.

Per-atom constants come with the structure (``fix property/atom``), a body is a chunk, and one reduction over chunks a
step gives λ and Σ f_j. The projection is the last of all forces but one: every :data:`FEEDBACK_INTERVAL` a kick along
the constraints, of strength 2κ v + κ² (r − a) for the constrained part of velocities and positions (J. Baumgarte,
Comput. Methods Appl. Mech. Eng. 1, 1 (1972)), keeps rounding errors from adding up. It depends on the state and the
number of the step only, so a continued run is bit for bit the unbroken one.

Atoms of a body whose vibration is held as well are not integrated.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from aiida_superionic.constraints.constraint import Constraint
from aiida_superionic.constraints.eckart import EckartFrame
from aiida_superionic.units import KINETIC_ENERGY

FEEDBACK_RATE = 20.0
"""κ in 1/ps: deviations decay as (1 + κt) exp(−κt)."""
FEEDBACK_INTERVAL = 0.01
"""Time in ps from one kick to the next; κ times it must stay below 0.8."""

TEMPERATURE = "moving_temperature"
HOLDS_FIX = "constraint_holds"
THERMO_COLUMNS = {"v_eckart_residual": "eckart_residual", "v_centre_shift": "centre_shift"}
"""Our names of the thermo columns of a constraint, by the heading that LAMMPS prints."""
UNITS = {"eckart_residual": "amu Å^2", "centre_shift": "Å"}

_BODIES = "eckart_bodies"
_ROTATION = "eckart_rotation"
_AXES = "xyz"
_REFERENCE = [f"d_a{axis}" for axis in _AXES]
_PLACE = [f"d_place_{axis}" for axis in _AXES]
_WEIGHTS = [[f"d_b{row}{axis}" for axis in _AXES] for row in _AXES]
_SHARE = "d_share"
_MASS = "d_mass"  # not LAMMPS' own: ASE writes that with an error of 3e-10 from its unit of mass


def atom_section(fix: str, rows: Iterable[Iterable[object]]) -> str:
    """Return the section of a data file from which a ``fix property/atom`` reads its columns, a row for each atom."""
    lines = (f"{index} {' '.join(map(repr, row))}" for index, row in enumerate(rows, start=1))
    return "\n".join([f"\n{fix}\n", *lines]) + "\n"


@dataclass(frozen=True, eq=False)
class LammpsConstraint:
    """The pieces of an input script that hold a constraint.

    Parameters
    ----------
    constraint
        What is held.
    frames
        The bodies.
    timestep
        In ps.
    """

    constraint: Constraint
    frames: Sequence[EckartFrame]
    timestep: float

    @property
    def moving(self) -> str:
        """The group that is integrated and thermostatted."""
        return "moving" if self.constraint.holds_atoms else "all"

    @property
    def n_held(self) -> int:
        """The degrees of freedom that are held fixed."""
        if self.constraint.holds_atoms:
            return sum(3 * len(frame.atoms) for frame in self.frames)
        return sum(frame.n_rotations + 3 * self.constraint.holds_centre for frame in self.frames)

    @property
    def keeps_momentum(self) -> bool:
        """Whether the total momentum is conserved, as it is where no body is held in its place."""
        return not (self.constraint.holds_centre or self.constraint.holds_atoms)

    @property
    def columns(self) -> list[str]:
        """The headings of the thermo columns that watch the constraint."""
        if self.constraint.holds_atoms:
            return []
        return list(THERMO_COLUMNS)[: 2 if self.constraint.holds_centre else 1]

    def data_sections(self, n_atoms: int) -> str:
        """Return the sections of the data file with each atom's body, from 1, and its constants; zeros without a body.

        Parameters
        ----------
        n_atoms
            Of the structure.
        """
        body = np.zeros(n_atoms, dtype=int)
        constants = np.zeros((n_atoms, 8))
        weights = np.zeros((n_atoms, 9))
        for number, frame in enumerate(self.frames, start=1):
            body[frame.atoms] = number
            constants[frame.atoms] = np.column_stack(
                [frame.reference, frame.centre + frame.reference, frame.masses / frame.masses.sum(), frame.masses]
            )
            weights[frame.atoms] = frame.rotation_weights.reshape(-1, 9)
        rows = {_BODIES: zip(body.tolist(), *constants.T.tolist(), strict=True), _ROTATION: weights.tolist()}
        return "".join(
            atom_section(fix, (row[: len(columns)] for row in rows[fix])) for fix, columns in self.atom_columns.items()
        )

    def definitions(self) -> list[str]:
        """Return the lines that define groups, sums, forces, thermometer and monitors, before any integrator."""
        lines = ["variable constrained atom i_body>0", "group constrained variable constrained"]
        if self.constraint.holds_atoms:
            return [*lines, "group moving subtract all constrained", *self._thermometer(0)]
        kick = round(max(1.0, FEEDBACK_INTERVAL / self.timestep))
        damping = 2.0 * FEEDBACK_RATE * KINETIC_ENERGY * kick
        stiffness = FEEDBACK_RATE**2 * KINETIC_ENERGY * kick
        lines += [
            "compute body all property/atom i_body",
            "compute bodies constrained chunk/atom c_body nchunk once ids once",
            "compute unwrapped constrained property/atom xu yu zu",
        ]
        for k, axis in enumerate(_AXES, start=1):
            shift = f"(c_unwrapped[{k}]-{_PLACE[k - 1]})"
            lines += [
                f"variable force_{axis} atom f{axis}",
                f"variable momentum_{axis} atom {_MASS}*v{axis}",
                f"variable shift_{axis} atom {_MASS}*{shift}",
                f"variable drift_{axis} atom {_MASS}*({damping!r}*v{axis}+{stiffness!r}*{shift})",
            ]
        lines += [*self._normal_part("force"), *self._normal_part("drift"), *self._monitors()]
        return [*lines, *self._thermometer(self.n_held + 3 * self.keeps_momentum)]

    def forces(self) -> list[str]:
        """Return the lines that act on the forces, behind whatever else does."""
        if self.constraint.holds_atoms:
            return []
        kick = round(max(1.0, FEEDBACK_INTERVAL / self.timestep))
        lines = [
            f"fix constraint constrained addforce {' '.join(f'v_minus_force_{axis}' for axis in _AXES)}",
            f"fix feedback constrained addforce {' '.join(f'v_minus_drift_{axis}' for axis in _AXES)} every {kick}",
        ]
        # Forces that hold a body in its place come from outside and have no part in a pressure.
        return lines if self.constraint.holds_centre else [*lines, "fix_modify constraint virial yes"]

    def project_velocities(self, temperature: float) -> list[str]:
        """Return the lines that take the held motions out of velocities and set the temperature of the others."""
        scale = f"velocity {self.moving} scale {temperature!r} temp {TEMPERATURE}"
        if self.constraint.holds_atoms:
            return ["velocity constrained set 0.0 0.0 0.0", scale]
        return [
            *self._normal_part("momentum"),
            *(f"variable projected_{axis} atom v{axis}+v_minus_momentum_{axis}/{_MASS}" for axis in _AXES),
            # A sum over chunks can be used between runs only where the last run has computed it.
            "dump projection constrained custom 1 /dev/null id c_momentum_of_body[1]",
            "run 0 post no",
            "undump projection",
            f"velocity constrained set {' '.join(f'v_projected_{axis}' for axis in _AXES)}",
            scale,
        ]

    def halts(self, interval: int) -> list[str]:
        """Return the lines that end a run whose constraint does not hold, looked at every so many steps."""
        limits = {"v_eckart_residual": self.constraint.residual_limit, "v_centre_shift": self.constraint.shift_limit}
        return [
            f"fix {HOLDS_FIX}_{number} all halt {interval} {column} > {limits[column]!r} error hard message yes"
            for number, column in enumerate(self.columns)
        ]

    @property
    def atom_columns(self) -> dict[str, list[str]]:
        """The constants of the atoms, by the ``fix property/atom`` that holds them.

        They are two, for LAMMPS reads lines of at most 255 characters.
        """
        if self.constraint.holds_atoms:
            return {_BODIES: ["i_body"]}
        return {
            _BODIES: ["i_body", *_REFERENCE, *_PLACE, _SHARE, _MASS],
            _ROTATION: [name for row in _WEIGHTS for name in row],
        }

    def _thermometer(self, removed: int) -> list[str]:
        return [
            f"compute {TEMPERATURE} {self.moving} temp",
            f"compute_modify {TEMPERATURE} extra/dof {removed}",
        ]

    def _normal_part(self, name: str) -> list[str]:
        """Return the lines that define minus the part of a vector of the atoms that the constraint takes out.

        The vector is a force or a momentum, ``v_NAME_x`` and so on; minus its part is ``v_minus_NAME_x``.
        """
        x, y, z = (f"v_{name}_{axis}" for axis in _AXES)
        lines = [
            f"variable {name}_turn_{axis} atom {weight[0]}*{x}+{weight[1]}*{y}+{weight[2]}*{z}"
            for axis, weight in zip(_AXES, _WEIGHTS, strict=True)
        ]
        summed = [f"v_{name}_turn_{axis}" for axis in _AXES] + ([x, y, z] if self.constraint.holds_centre else [])
        of_body = f"c_{name}_of_body"
        lines += [
            f"compute {name}_sum constrained reduce/chunk bodies sum {' '.join(summed)}",
            f"compute {name}_of_body constrained chunk/spread/atom bodies c_{name}_sum[*]",
        ]
        for k, axis in enumerate(_AXES):
            after, last = (k + 1) % 3, (k + 2) % 3
            turn = f"{_MASS}*({of_body}[{last + 1}]*{_REFERENCE[after]}-{of_body}[{after + 1}]*{_REFERENCE[last]})"
            push = f"-{_SHARE}*{of_body}[{k + 4}]" if self.constraint.holds_centre else ""
            lines.append(f"variable minus_{name}_{axis} atom {turn}{push}")
        return lines

    def _monitors(self) -> list[str]:
        """Return the lines that define the largest Eckart residual |Σ m a × r| and shift of a centre of mass."""
        lines = []
        for k, axis in enumerate(_AXES):
            after, last = _AXES[(k + 1) % 3], _AXES[(k + 2) % 3]
            lines.append(f"variable residual_{axis} atom d_a{after}*v_shift_{last}-d_a{last}*v_shift_{after}")
            if self.constraint.holds_centre:
                lines.append(f"variable centre_{axis} atom {_SHARE}*v_shift_{axis}/{_MASS}")
        for name in ("residual", "centre")[: 2 if self.constraint.holds_centre else 1]:
            inputs = " ".join(f"v_{name}_{axis}" for axis in _AXES)
            lines += [
                f"compute {name}_sum constrained reduce/chunk bodies sum {inputs}",
                f"variable {name}_length vector sqrt("
                + "+".join(f"c_{name}_sum[{k}]*c_{name}_sum[{k}]" for k in (1, 2, 3))
                + ")",
            ]
        lines.append("variable eckart_residual equal max(v_residual_length)")
        if self.constraint.holds_centre:
            lines.append("variable centre_shift equal max(v_centre_length)")
        return lines
