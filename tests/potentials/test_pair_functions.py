"""The α-AgI force field: against its formula by hand, and as LAMMPS evaluates it."""

import io
import re

import numpy as np
import pytest
from ruamel.yaml import YAML
from scipy.special import erfc

from aiida_superionic.calculations.lammps import data_file
from aiida_superionic.potentials import PotentialError, parse_potential, potentials

_E2 = 14.399645
_CUTOFF = 7.6
# (power, coefficient in e² Å^(power-1)) as the literature prints them.
_FORMULA = {
    ("Ag", "Ag"): [(11, 0.014804)],
    ("Ag", "I"): [(9, 114.48), (4, -1.1736)],
    ("I", "I"): [(7, 446.64), (4, -2.3472), (6, -6.9331)],
}


@pytest.fixture
def vashishta():
    return parse_potential(potentials()["vashishta-rahman"])


@pytest.fixture
def parameters():
    return YAML(typ="safe").load(potentials()["vashishta-rahman"])


def dumped(parameters):
    stream = io.StringIO()
    YAML(typ="safe").dump(parameters, stream)
    return stream.getvalue()


@pytest.mark.parametrize("pair", _FORMULA)
def test_dimer_by_hand(vashishta, pair):
    r = np.linspace(1.5, _CUTOFF, 50)
    energy, force = vashishta.energy_and_force(*pair, r)
    by_hand = sum(_E2 * c * r ** (-p) for p, c in _FORMULA[pair])
    np.testing.assert_allclose(energy, by_hand - by_hand[-1], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(force, sum(_E2 * c * p * r ** (-p - 1) for p, c in _FORMULA[pair]), rtol=1e-12)
    np.testing.assert_array_equal(vashishta.energy_and_force(*pair[::-1], r), [energy, force])


@pytest.mark.parametrize("pair", _FORMULA)
def test_force_is_minus_the_slope_of_the_energy(vashishta, pair):
    r, h = np.linspace(1.5, 7.5, 40), 1e-5
    slope = (vashishta.energy_and_force(*pair, r + h)[0] - vashishta.energy_and_force(*pair, r - h)[0]) / (2 * h)
    # Central difference: h²/6 u''' over u' is about p² h²/(6 r²) < 1e-9; rounding is 1e-16 u/h.
    np.testing.assert_allclose(-slope, vashishta.energy_and_force(*pair, r)[1], rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("pair", _FORMULA)
def test_energy_is_zero_at_the_cutoff(vashishta, pair):
    assert vashishta.energy_and_force(*pair, np.array([_CUTOFF]))[0] == 0.0


def test_large_systems_use_a_mesh(vashishta):
    assert any("kspace_style ewald" in line for line in vashishta.lammps(["Ag", "I"], 108).commands)
    assert any("kspace_style pppm" in line for line in vashishta.lammps(["Ag", "I"], 864).commands)


def _evaluate(run_lammps, folder, atoms, charges, commands, files):
    script = ["units metal", "boundary p p p", "atom_style charge", "read_data structure.data", *commands]
    script += [
        "thermo_style custom step pe",
        "thermo_modify format float %.15g",
        "dump forces all custom 1 forces.dump id fx fy fz",
        'dump_modify forces sort id format float "%.17g"',
        "run 0",
    ]
    data = data_file(atoms, ["Ag", "I"], charges, "charge")
    output = run_lammps("\n".join(script) + "\n", {**files, "structure.data": data}, folder)
    rows = output.splitlines()
    energy = float(rows[next(i for i, row in enumerate(rows) if row.split() == ["Step", "PotEng"]) + 1].split()[1])
    return energy, np.loadtxt(folder / "forces.dump", skiprows=9)[:, 1:]


def _lepton_commands(ewald):
    def expression(pair):
        # Shifted like ours, as shifted energies are what is compared.
        terms = [f"({_E2 * c!r})*(r^(-{p})-({_CUTOFF!r})^(-{p}))" for p, c in _FORMULA[pair]]
        return "+".join(terms)

    return [
        f"pair_style hybrid/overlay coul/long {_CUTOFF} lepton {_CUTOFF}",
        "pair_coeff * * coul/long",
        *(
            f'pair_coeff {i} {j} lepton "{expression(pair)}"'
            for pair, i, j in zip(_FORMULA, (1, 1, 2), (1, 2, 2), strict=True)
        ),
        f"kspace_style ewald {ewald}",
    ]


@pytest.mark.parametrize(("repeats", "method"), [((2, 2, 2), "ewald"), ((3, 3, 3), "ewald"), ((5, 5, 5), "pppm")])
def test_lammps_against_the_formula(run_lammps, tmp_path, vashishta, agi, rng, repeats, method):
    atoms = agi(repeats)
    atoms.positions += rng.normal(scale=0.2, size=atoms.positions.shape)
    ours = vashishta.lammps(["Ag", "I"], len(atoms))
    assert f"kspace_style {method}" in ours.commands[-1]
    _, forces = _evaluate(run_lammps, tmp_path / "ours", atoms, ours.charges, ours.commands, ours.files)
    _, exact = _evaluate(run_lammps, tmp_path / "exact", atoms, ours.charges, _lepton_commands("1e-8"), {})
    error = np.sqrt(np.mean(np.sum((forces - exact) ** 2, axis=1)))
    # The stated accuracy 1e-4 is relative to the force between two charges e at 1 Å: 1.44 meV/Å.
    assert error < 1e-4 * _E2


def test_the_table_is_the_formula(run_lammps, tmp_path, vashishta, agi, rng):
    # The same Ewald sum in both: what differs is the table alone, which is documented to 1e-6 of the forces.
    atoms = agi()
    atoms.positions += rng.normal(scale=0.2, size=atoms.positions.shape)
    ours = vashishta.lammps(["Ag", "I"], len(atoms))
    commands = [*ours.commands[:-1], "kspace_style ewald 1e-8"]
    energy, forces = _evaluate(run_lammps, tmp_path / "ours", atoms, ours.charges, commands, ours.files)
    exact_energy, exact = _evaluate(run_lammps, tmp_path / "exact", atoms, ours.charges, _lepton_commands("1e-8"), {})
    assert np.sqrt(np.mean((forces - exact) ** 2) / np.mean(exact**2)) < 1e-6
    assert abs(energy / exact_energy - 1.0) < 1e-6


def test_total_force_vanishes(run_lammps, tmp_path, vashishta, agi, rng):
    atoms = agi()
    atoms.positions += rng.normal(scale=0.2, size=atoms.positions.shape)
    ours = vashishta.lammps(["Ag", "I"], len(atoms))
    _, forces = _evaluate(run_lammps, tmp_path, atoms, ours.charges, ours.commands, ours.files)
    np.testing.assert_allclose(forces.sum(axis=0), 0.0, atol=1e-10)


def test_types_may_come_in_any_order(vashishta):
    swapped = vashishta.lammps(["I", "Ag"], 100)
    assert swapped.charges == (-0.6, 0.6)
    assert "pair_coeff 1 2 table pair_functions.table I_Ag" in swapped.commands


def test_unknown_species_is_refused(vashishta):
    with pytest.raises(PotentialError, match="describes Ag, I and the structure holds Br"):
        vashishta.lammps(["Ag", "Br"], 100)


def _changed(parameters, change):
    change(parameters)
    return dumped(parameters)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda p: p["pairs"].pop(), "the pair I-I is given 0 times"),
        (lambda p: p["pairs"].append(p["pairs"][0]), "the pair Ag-Ag is given 2 times"),
        (lambda p: p["pairs"].append({"species": ["Ag", "Br"], "terms": []}), "no charge"),
        (lambda p: p.update(cutoff=float("nan")), "cutoff"),
        (lambda p: p.update(cutoff=float("inf")), "cutoff"),
        (lambda p: p.update(cutoff=-1.0), "cutoff"),
        (lambda p: p.update(cutoff="7.6\nshell rm -rf ."), "cutoff"),
        (lambda p: p.update(innermost=9.0), "innermost"),
        (lambda p: p.update(coulomb="$(shell)"), "coulomb"),
        (lambda p: p["charges"].update({"Ag": "0.6; quit"}), "charges"),
        (lambda p: p["charges"].update({"Ag": float("nan")}), "charges"),
        (lambda p: p["charges"].update({"Ag\nshell rm": 1.0}), "chemical symbol"),
        (lambda p: p["pairs"][0].update(species=["Ag", "Ag`rm`"]), "chemical symbol"),
        (lambda p: p["pairs"][0]["terms"][0].update(coefficient="many"), "coefficient"),
        (lambda p: p["pairs"][0]["terms"][0].update(coefficient=float("nan")), "coefficient"),
        (lambda p: p["pairs"][0]["terms"][0].update(power=2.5), "power"),
        (lambda p: p["pairs"][0]["terms"][0].update(command="shell rm"), "command"),
        (lambda p: p.update(ewald_accuracy=0.0), "ewald_accuracy"),
        (lambda p: p.update(extra=1), "extra"),
        (lambda p: p.update(family="lennard-jones"), "family is 'lennard-jones'; known are pair-functions"),
        (lambda p: p.pop("family"), "family is None"),
    ],
)
def test_damaged_parameters_are_refused(parameters, change, told):
    with pytest.raises(PotentialError, match="the potential") as refusal:
        parse_potential(_changed(parameters, change))
    assert told in str(refusal.value)


@pytest.mark.parametrize("text", ["", "[1, 2]", "just words", "a: [", "\x00", "!!python/object/apply:os.system [ls]"])
def test_what_is_no_potential_is_refused(text):
    with pytest.raises(PotentialError, match="the potential"):
        parse_potential(text)


@pytest.mark.parametrize("accuracy", [1e-4, 1e-6])
def test_energy_of_a_microcanonical_run_is_conserved(run_lammps, tmp_path, vashishta, agi, accuracy):
    atoms = agi((3, 3, 3))
    ours = vashishta.model_copy(update={"ewald_accuracy": accuracy}).lammps(["Ag", "I"], len(atoms))
    script = ["units metal", "boundary p p p", "atom_style charge", "read_data structure.data", *ours.commands]
    script += [
        "timestep 0.0005",
        # The ideal sites are no equilibrium: half of the starting heat becomes potential energy in the first run.
        "velocity all create 1500.0 42 mom yes rot no dist gaussian",
        "fix integrate all nve",
        "run 1000",
        "thermo 20",
        "thermo_style custom step etotal ke",
        "thermo_modify format float %.15g",
        "run 10000",
    ]
    data = data_file(atoms, ["Ag", "I"], ours.charges, "charge")
    output = run_lammps("\n".join(script) + "\n", {**ours.files, "structure.data": data}, tmp_path)
    rows = [line.split() for line in output.splitlines()]
    first = max(i for i, row in enumerate(rows) if row == ["Step", "TotEng", "KinEng"]) + 1
    step, total, kinetic = np.array(rows[first : first + 501], dtype=float).T
    assert step[-1] - step[0] == 10000
    # Where a pair crosses the cutoff, the real part of the Ewald sum jumps. What that adds is a function of the
    # configuration, so that it fluctuates and does not drift: a jump times the fluctuation of the number of pairs
    # inside, which is at most that of an ideal gas.
    splitting = float(re.search(r"G vector \(1/distance\) = (\S+)", output)[1])
    jump = 0.6**2 * _E2 * erfc(splitting * _CUTOFF) / _CUTOFF
    pairs = len(atoms) ** 2 / 2 * (4 / 3 * np.pi * _CUTOFF**3) / atoms.get_volume()
    # Velocity Verlet errs by (ω Δt)²/8 of what oscillates at ω; 25 rad/ps is the fastest mode, so 2e-5, at most 1e-4.
    bound = jump * np.sqrt(pairs) + 1e-4 * kinetic.std()
    assert total.std() < bound
    assert abs(np.polyfit(step, total, 1)[0] * 10000) < 2 * bound
