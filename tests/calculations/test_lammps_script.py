"""The LAMMPS script of a stage: nothing but expected words, and runs that are continued bit for bit."""

import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from aiida_superionic.analysis.readers import read_trajectory
from aiida_superionic.calculations.lammps import data_file, host_of
from aiida_superionic.calculations.lammps_script import START_FILE, lammps_script, trajectory_file
from aiida_superionic.calculations.settings import MdSettings, Start
from aiida_superionic.parsers.lammps_output import read_lammps_output
from aiida_superionic.potentials import parse_potential, potentials
from aiida_superionic.structures import materials
from aiida_superionic.structures.supercell import make_supercell

_KINDS = ["Ag", "I"]
_HOST = host_of(make_supercell(materials()["alpha-AgI"], (2, 2, 2), 1), ["Ag"])


def _potential(n_atoms=32):
    return parse_potential(potentials()["vashishta-rahman"]).lammps(_KINDS, n_atoms)


def _script(settings, start=None, **changes):
    return lammps_script(settings, _potential(), _KINDS, **{"seed": 1, "host": _HOST, "start": start, **changes})


@pytest.fixture
def run_stage(run_lammps, agi):
    """Return a function that runs a stage, or the beginning of one, and reads what it printed and wrote."""

    def run(folder, settings, start=None, parent=None, until=None, **changes):
        script = _script(settings, start, **changes)
        if until is not None:
            script = script[: script.index(until) + len(until)] + "\n"
        potential = _potential()
        data = data_file(agi(), _KINDS, potential.charges, "charge", _HOST)
        files = {**potential.files, "structure.data": data}
        folder.mkdir()
        if start is not None:
            shutil.copy(parent / start.file, folder / START_FILE)
        return read_lammps_output(run_lammps(script, files, folder))

    return run


def _read(*files):
    return read_trajectory(files, kinds=_KINDS, md_timestep=0.0005, mobile=["Ag"])


# --- what may stand in a script ---------------------------------------------------------------------------------------

_NUMBER = r"-?\d+(\.\d+)?(e[+-]?\d+)?"
_LINES = [
    "units metal",
    "boundary p p p",
    "atom_style charge",
    "fix host_ions all property/atom i_host_ion",
    r"read_data structure\.data fix host_ions NULL host_ions",
    r"read_restart start\.restart",
    "pair_style hybrid/overlay coul/long N table spline N",
    r"pair_coeff \* \* coul/long",
    r"pair_coeff N N table pair_functions\.table (Ag|I)_(Ag|I)",
    "kspace_style (ewald|pppm) N",
    "neighbor N bin",
    "timestep N",
    "variable host atom i_host_ion>0",
    "group host variable host",
    "compute host_ion host property/atom i_host_ion",
    "compute host_ions host chunk/atom c_host_ion nchunk once ids once",
    "compute host_whole host chunk/atom v_host nchunk once ids once",
    "compute host_msd host msd/chunk host_ions",
    "compute host_drift host msd/chunk host_whole",
    r"variable host_displacement equal \(count\(host\)==16\)\*sqrt\(abs"
    r"\(ave\(c_host_msd\[4\]\)-c_host_drift\[1\]\[4\]\)\)/N",
    "fix integrate all nve",
    "fix integrate all nvt temp N N N",
    "fix integrate all npt temp N N N iso N N N",
    "thermo_style custom step temp pe ke etotal press vol v_host_displacement",
    "thermo N",
    r"thermo_modify lost error flush yes format float %\.12g",
    "velocity all create N N mom yes rot no dist gaussian",
    "reset_timestep 0",
    "run 0 post no",
    r"variable start_temperature equal temp\*\(N-pe\)/ke",
    r"velocity all scale \$\(v_start_temperature\)",
    "fix host_lattice_intact all halt N v_host_displacement > N error hard message yes",
    r"timer timeout \d\d+:\d\d:\d\d every 100",
    r"dump trajectory all custom N trajectory\.N\.bin id type xu yu zu vx vy vz fx fy fz",
    "dump_modify trajectory sort id flush yes",
    "run N upto",
    r'if "\$\(step\) < N" then "jump SELF end_of_stage"',
    r"write_restart checkpoint\.[01]\.restart",
    r'print "superionic: checkpoint checkpoint\.[01]\.restart at step N"',
    r"write_dump all custom final\.lammpstrj id type xu yu zu modify sort id format float %\.17g",
    "label end_of_stage",
]
_EXPECTED = re.compile("|".join("(" + re.sub(r"\bN\b", lambda _: _NUMBER, line) + ")" for line in _LINES), re.ASCII)

_positive = st.floats(1e-6, 1e6)


@st.composite
def _valid_settings(draw):
    timestep = draw(st.sampled_from([0.00025, 0.0005, 0.001, 0.002]))
    interval = st.integers(1, 10_000).map(lambda count: count * timestep)
    checkpoint = draw(st.integers(1, 10_000))
    return MdSettings(
        ensemble=draw(st.sampled_from(["nve", "nvt", "npt"])),
        temperature=draw(_positive),
        pressure=draw(st.floats(-1e6, 1e6)),
        duration=draw(st.integers(1, 20 * checkpoint)) * timestep,
        timestep=timestep,
        thermostat_damping=draw(_positive),
        barostat_damping=draw(_positive),
        sampling_interval=draw(st.none() | interval),
        thermo_interval=draw(interval),
        checkpoint_interval=checkpoint * timestep,
        mobile=draw(st.sampled_from([["Ag"], ["I"], ["Ag", "Br"]])),
        host_displacement_limit=draw(_positive),
    )


_starts = st.none() | st.one_of(
    st.builds(Start, file=st.just("checkpoint.0.restart"), step=st.just(0), energy=st.none() | st.floats(-1e9, 1e9)),
    st.builds(
        Start,
        file=st.from_regex(r"\A[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*\Z").filter(str.isascii),
        step=st.integers(1, 10**6),
        trajectory=st.lists(st.just("trajectory.0.bin"), max_size=3),
    ),
)


@hypothesis_settings(max_examples=200)
@given(
    settings=_valid_settings(),
    start=_starts,
    seed=st.integers(1, 900_000_000),
    walltime=st.none() | st.integers(1, 10**6),
    spacing=st.floats(0.5, 20.0),
)
def test_every_line_is_an_expected_one(settings, start, seed, walltime, spacing):
    script = _script(settings, start, seed=seed, walltime=walltime, host=replace(_HOST, spacing=spacing))
    assert script.isascii()
    for line in script.removesuffix("\n").split("\n"):
        assert _EXPECTED.fullmatch(line), line


@hypothesis_settings(max_examples=100)
@given(settings=_valid_settings(), done=st.integers(0, 30))
def test_segments_end_at_checkpoints_and_at_the_end(settings, done):
    length, total = settings.steps("checkpoint_interval"), settings.steps("duration")
    if done * length >= total:
        return
    start = Start(file="checkpoint.0.restart", step=done * length) if done else None
    script = _script(settings, start)
    ends = [int(end) for end in re.findall(r"^run (\d+) upto$", script, re.MULTILINE)]
    assert ends[-1] == total
    assert ends[:-1] == list(range((done + 1) * length, total, length))
    written = re.findall(r"^write_restart checkpoint\.([01])\.restart$", script, re.MULTILINE)
    told = re.findall(
        r'^print "superionic: checkpoint checkpoint\.([01])\.restart at step (\d+)"$', script, re.MULTILINE
    )
    assert told == list(zip(written, map(str, ends), strict=True))
    # Two files take turns, from one job to the next too: the end of segment k is in file k mod 2.
    assert [int(number) for number in written] == [(done + k) % 2 for k in range(1, len(ends) + 1)]


@pytest.mark.parametrize("seed", [0, -1, 900_000_001])
def test_seeds_are_those_that_lammps_takes(settings, seed):
    with pytest.raises(ValueError, match=f"the seed is {seed}"):
        _script(settings(), seed=seed)


@pytest.mark.parametrize("mobile", [["Ag", "I"], ["Br"]])
def test_something_moves_and_something_stays(agi, mobile):
    with pytest.raises(ValueError, match="one species at least must move and one must stay"):
        host_of(agi(), mobile)


def test_parts_of_a_trajectory_are_numbered():
    assert trajectory_file(None) == "trajectory.0.bin"
    assert trajectory_file(Start(file="a", step=5, trajectory=("x", "y"))) == "trajectory.2.bin"


# --- what LAMMPS makes of it ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ensemble", ["nve", "nvt", "npt"])
def test_a_continued_run_is_the_unbroken_one_bit_for_bit(run_stage, settings, tmp_path, ensemble):
    stage = settings(ensemble=ensemble, duration=0.23, sampling_interval=0.005)
    whole = run_stage(tmp_path / "whole", stage)
    # Ends within its fourth segment: the frames after the third checkpoint are written, and written again later.
    cut = run_stage(tmp_path / "cut", stage, until="run 400 upto")
    assert cut.checkpoint == ("checkpoint.1.restart", 300)
    start = Start(file="checkpoint.1.restart", step=300, trajectory=("trajectory.0.bin",))
    rest = run_stage(tmp_path / "rest", stage, start, parent=tmp_path / "cut")
    assert rest.checkpoint == whole.checkpoint == ("checkpoint.1.restart", 460)

    unbroken = _read(tmp_path / "whole/trajectory.0.bin")
    joined = _read(tmp_path / "cut/trajectory.0.bin", tmp_path / "rest/trajectory.1.bin")
    assert len(unbroken.positions) == 47
    # The frame of step 300 is written before write_restart wraps the atoms into the box, and again after it: wrapping
    # and unwrapping a coordinate may cost its last bit. In NPT the second time is with the Ewald sum set up anew for
    # the volume of that moment, so that forces agree to its accuracy. The state from which both go on is the same.
    rewritten = 30
    others = np.arange(47) != rewritten
    for name in ("positions", "velocities", "forces"):
        one, two = getattr(joined, name), getattr(unbroken, name)
        assert one[others].tobytes() == two[others].tobytes()
        tolerance = 1.44e-3 if (ensemble, name) == ("npt", "forces") else 1e-13
        np.testing.assert_allclose(one[rewritten], two[rewritten], rtol=0, atol=tolerance)
    assert joined.cell.tobytes() == unbroken.cell.tobytes()
    for name, column in rest.thermo.items():
        np.testing.assert_array_equal(column, whole.thermo[name][-len(column) :])


def test_the_same_seed_gives_the_same_run_and_another_does_not(run_stage, settings, tmp_path):
    stage = settings(duration=0.05, sampling_interval=0.01)
    one, two, other = (
        run_stage(tmp_path / name, stage, seed=seed).thermo["total_energy"]
        for name, seed in [("a", 3), ("b", 3), ("c", 4)]
    )
    np.testing.assert_array_equal(one, two)
    assert np.all(one[1:] != other[1:])


def test_velocities_start_at_the_temperature_and_at_rest(run_stage, settings, tmp_path):
    output = run_stage(tmp_path / "a", settings(duration=0.01, sampling_interval=0.01, temperature=432.1))
    assert output.thermo["temperature"][0] == pytest.approx(432.1, rel=1e-11)
    first = _read(tmp_path / "a/trajectory.0.bin")
    momentum = first.masses @ first.velocities[0]
    np.testing.assert_allclose(momentum, 0.0, atol=1e-9)


def test_production_starts_at_the_energy_asked_for(run_stage, settings, tmp_path):
    equilibration = run_stage(tmp_path / "nvt", settings())
    thermo = equilibration.thermo
    energy = float(thermo["total_energy"].mean())
    start = Start(file=equilibration.checkpoint[0], step=0, energy=energy)
    production = run_stage(tmp_path / "nve", settings(ensemble="nve"), start, parent=tmp_path / "nvt").thermo
    assert production["step"][0] == 0
    # 12 digits are printed.
    assert production["total_energy"][0] == pytest.approx(energy, rel=1e-11)
    # The same configuration, its velocities scaled: the temperature follows from what the potential energy leaves.
    assert production["potential_energy"][0] == pytest.approx(thermo["potential_energy"][-1], rel=1e-11)
    scale = (energy - thermo["potential_energy"][-1]) / thermo["kinetic_energy"][-1]
    assert production["temperature"][0] == pytest.approx(scale * thermo["temperature"][-1], rel=1e-9)
    assert scale != pytest.approx(1.0, abs=1e-3)


def test_the_host_is_measured_from_where_the_whole_run_began(run_stage, settings, tmp_path):
    equilibration = run_stage(tmp_path / "nvt", settings())
    start = Start(file=equilibration.checkpoint[0], step=0)
    production = run_stage(tmp_path / "nve", settings(ensemble="nve"), start, parent=tmp_path / "nvt").thermo
    moved = equilibration.thermo["host_displacement"]
    assert moved[0] == pytest.approx(0.0, abs=1e-12)
    assert production["host_displacement"][0] == pytest.approx(moved[-1], rel=1e-9)
    assert moved[-1] > 0.01


def test_the_host_displacement_is_that_of_the_frames(run_stage, settings, tmp_path):
    output = run_stage(tmp_path / "a", settings(sampling_interval=0.01))
    frames = _read(tmp_path / "a/trajectory.0.bin")
    host = np.array(frames.species) == "I"
    moved = frames.positions[:, host] - frames.positions[0, host]
    moved -= moved.mean(axis=1, keepdims=True)  # all iodides weigh the same
    expected = np.sqrt(np.mean(np.sum(moved**2, axis=2), axis=1)) / _HOST.spacing
    np.testing.assert_allclose(output.thermo["host_displacement"], expected, rtol=1e-9, atol=1e-12)


def test_atoms_that_are_lost_are_not_taken_for_a_melt(run_lammps, settings, tmp_path):
    potential = _potential()
    data = data_file(make_supercell(materials()["alpha-AgI"], (2, 2, 2), 1), _KINDS, potential.charges, "charge", _HOST)
    stage = settings(timestep=1.0, duration=100.0, thermo_interval=20.0, checkpoint_interval=100.0, ensemble="nve")
    files = {**potential.files, "structure.data": data}
    output = read_lammps_output(run_lammps(_script(stage), files, tmp_path, expect_success=False))
    assert output.lost_atoms
    assert not output.molten


def test_anions_that_turn_are_no_melt(run_lammps, settings, tmp_path):
    # At 1200 K the oxygens of phosphate move by an oxygen-oxygen distance within a few ps, the phosphorus does not.
    kinds = ["Na", "P", "O"]
    atoms = make_supercell(materials()["gamma-Na3PO4"], (2, 2, 2), 1)
    potential = parse_potential(potentials()["pedone"]).lammps(kinds, len(atoms))
    stage = settings(temperature=1200.0, duration=3.0, timestep=0.001, checkpoint_interval=3.0, mobile=["Na"])
    host = host_of(atoms, ["Na"])
    script = lammps_script(stage, potential, kinds, seed=1, host=host)
    watched = "group oxygen type 3\ncompute oxygen_msd oxygen msd com yes\n"
    script = script.replace("fix integrate", f"{watched}fix integrate").replace(
        "label", 'print "oxygen $(c_oxygen_msd[4])"\nlabel'
    )
    files = {**potential.files, "structure.data": data_file(atoms, kinds, potential.charges, "charge", host)}
    output = run_lammps(script, files, tmp_path)
    found = read_lammps_output(output)
    assert found.complete
    assert found.thermo["host_displacement"].max() < 0.3
    moved = float(re.search(r"^oxygen (\S+)$", output, re.MULTILINE)[1])
    assert np.sqrt(moved) / 2.51 > 0.3


def test_a_run_that_the_timer_stops_ends_well_at_a_checkpoint(run_stage, settings, tmp_path):
    # 10 ns would take minutes.
    stage = settings(duration=10_000.0, checkpoint_interval=0.5, thermo_interval=0.5, timestep=0.0005)
    output = run_stage(tmp_path / "a", stage, walltime=2)
    assert output.complete
    assert output.error is None
    file, step = output.checkpoint
    assert step % 1000 == 0
    assert 0 < step < stage.steps("duration")
    assert (tmp_path / "a" / file).stat().st_size > 0
