"""Units: Å, ps, eV, amu, K and elementary charges inside; what papers print in results.

The internal system is LAMMPS ``metal``. Every conversion of the package is a constant of this module, so that
``value_in_internal_units * CONSTANT`` is the printed value.
"""

from scipy import constants

_AMU = constants.atomic_mass
_EV = constants.electron_volt
_PS = constants.pico
_ANGSTROM = constants.angstrom

BOLTZMANN: float = constants.Boltzmann / _EV
"""k_B in eV/K."""

REDUCED_PLANCK: float = constants.hbar / (_EV * _PS)
"""ħ in eV ps."""

KINETIC_ENERGY: float = _AMU * (_ANGSTROM / _PS) ** 2 / _EV
"""eV per amu Å²/ps²: m v² in internal units times this is an energy in eV."""

DIFFUSION_IN_CM2_PER_S: float = (_ANGSTROM**2 / _PS) / constants.centi**2
"""cm²/s per Å²/ps."""

FRICTION_IN_KG_PER_S: float = _AMU / _PS
"""kg/s per amu/ps."""

FRICTION_RATE_IN_KG_PER_S2: float = _AMU / _PS**2
"""kg/s² per amu/ps²."""

TIME_IN_FS: float = _PS / constants.femto
"""fs per ps."""

WAVENUMBER_PER_THZ: float = constants.tera / constants.speed_of_light * constants.centi
"""cm⁻¹ per THz."""

CONDUCTIVITY_IN_MS_PER_CM: float = constants.elementary_charge**2 / (_EV * _ANGSTROM * _PS) * 10.0
"""mS/cm per e²/(eV Å ps): N q² D /(V k_B T) in internal units times this. (1 S/m is 10 mS/cm.)"""

DIPOLE_IN_DEBYE: float = constants.elementary_charge * _ANGSTROM * constants.speed_of_light * 1e21
"""D per e Å. (1 D is 1e-21/c C m.)"""

FREQUENCY_PER_NS: float = 1e3
"""1/ns per 1/ps."""

VELOCITY_FROM_ATOMIC: float = constants.value("atomic unit of velocity") * _PS / _ANGSTROM
"""Å/ps per atomic unit of velocity."""

FORCE_FROM_ATOMIC: float = constants.value("atomic unit of force") * _ANGSTROM / _EV
"""eV/Å per atomic unit of force."""

ENERGY_UNITS: dict[str, float] = {
    "eV": 1.0,
    "meV": 1e-3,
    "Hartree": constants.value("Hartree energy in eV"),
    "Rydberg": constants.value("Rydberg constant times hc in eV"),
    "kcal/mol": constants.kilo * constants.calorie / constants.Avogadro / _EV,
    "kJ/mol": constants.kilo / constants.Avogadro / _EV,
}
"""eV per unit of energy, by the name under which data may declare it."""

LENGTH_UNITS: dict[str, float] = {
    "Angstrom": 1.0,
    "Bohr": constants.value("Bohr radius") / _ANGSTROM,
    "nm": constants.nano / _ANGSTROM,
}
"""Å per unit of length, by the name under which data may declare it."""

PRESSURE_UNITS: dict[str, float] = {
    "GPa": constants.giga * _ANGSTROM**3 / _EV,
    "kbar": constants.kilo * constants.bar * _ANGSTROM**3 / _EV,
    "bar": constants.bar * _ANGSTROM**3 / _EV,
}
"""eV/Å³ per unit of pressure, by the name under which data may declare it."""
