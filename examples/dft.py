"""Where the electrons of α-AgI are: Wannier centres along a classical trajectory, from CP2K.

Run by ``make demo-dft``, which sets AIIDA_PATH to a folder of its own: ``verdi run examples/dft.py PAGE``. What has
been computed is taken from the graph when it is repeated.
"""

import sys
from pathlib import Path

from aiida import orm
from aiida.manage.caching import enable_caching
from rich.console import Console

from aiida_superionic.calculations.analyse import AnalyseCalculation
from aiida_superionic.calculations.curves import curves_of, surfaces_of
from aiida_superionic.calculations.functions import make_structure
from aiida_superionic.campaigns.keys import UNCONSTRAINED
from aiida_superionic.campaigns.results import FINISHED, PointResult, conditions
from aiida_superionic.cli.errors import tells_user_errors
from aiida_superionic.data.potential import PotentialData
from aiida_superionic.engines.registration import code_version, registered_code
from aiida_superionic.potentials import potentials
from aiida_superionic.report.page import write_report
from aiida_superionic.report.table import quantity_tables
from aiida_superionic.structures import materials
from aiida_superionic.workchains.dft import level_of_theory
from aiida_superionic.workchains.foreground import run_together
from aiida_superionic.workchains.md import MdWorkChain
from aiida_superionic.workchains.wannier import WannierWorkChain

MATERIAL, SUPERCELL, POTENTIAL, TEMPERATURE, SEED = "alpha-AgI", (2, 2, 2), "vashishta-rahman", 750.0, 1
CENTRES_PER_ION = {"Ag": 5, "I": 4}
OF_EVERY_FRAME = {"dipoles": {}, "radial_distribution": {}, "coordination": {}}


def dynamics(production):
    """Run the classical dynamics, equilibrated as `make demo` does it, for a production time in ps."""
    crystal = materials()[MATERIAL]
    return run_together(
        MdWorkChain.get_builder_from_protocol(
            registered_code("lammps"),
            make_structure(orm.Str(MATERIAL), orm.List(list(SUPERCELL)), orm.Int(SEED)),
            PotentialData(potentials()[POTENTIAL]),
            temperature=TEMPERATURE,
            mobile=list(crystal.mobile),
            formal_charges=crystal.charges_of_atoms,
            seed=SEED,
            overrides={"production": production},
        )
    )[0]


def analysed(trajectory, observables):
    """Compute observables of ions and centres."""
    builder = AnalyseCalculation.get_builder()
    builder.code, builder.trajectory = registered_code("analysis"), trajectory
    builder.version, builder.observables = orm.Str(code_version(builder.code)), orm.Dict(observables)
    return run_together(builder)[0]


def study(protocol, production, every, batch_size, tolerance, observables):
    """Return what the centres tell that one level of theory gives to one of so many frames."""
    trajectory = dynamics(production).outputs.trajectory
    (centres,) = run_together(
        WannierWorkChain.get_builder_from_protocol(
            registered_code("cp2k"),
            trajectory,
            CENTRES_PER_ION,
            conversion_code=registered_code("conversion"),
            every=every,
            protocol=protocol,
            localisation={"EPS_LOCALIZATION": tolerance},
            batch_size=batch_size,
        )
    )
    analysis = analysed(centres.outputs.trajectory, observables)
    measured = analysed(trajectory, {"temperature": {}})
    level = level_of_theory(protocol).name_for(materials()[MATERIAL].formal_charges)
    supercell = "x".join(map(str, SUPERCELL))
    n_frames = centres.outputs.trajectory.get_shape("positions")[0]
    return PointResult(
        label=f"{MATERIAL} {supercell} · {POTENTIAL} · {TEMPERATURE:g} K · {level} · seed {SEED}",
        specification={
            "material": MATERIAL,
            "supercell": list(SUPERCELL),
            "potential": POTENTIAL,
            "temperature": TEMPERATURE,
            "constraint": UNCONSTRAINED,
            "electrons": level,
            "frames": n_frames,
            "between frames, ps": centres.outputs.trajectory.base.attributes.get("sampling_interval"),
            # What is left of C_2 there is missing in its time.
            "rotor correlation integrated to, ps": observables.get("tetrahedral_rotor", {}).get("longest_lag"),
            "seed": SEED,
        },
        uuid=analysis.uuid,
        pk=analysis.pk,
        state=FINISHED,
        message="",
        observables=measured.outputs.observables.get_dict() | analysis.outputs.observables.get_dict(),
        curves=curves_of(analysis.outputs.curves),
        surfaces=surfaces_of(analysis.outputs.curves),
        provenance={
            "trajectory": trajectory.uuid,
            "centres": centres.outputs.trajectory.uuid,
            "observables": analysis.outputs.observables.uuid,
        },
    )


@tells_user_errors
def main(page):
    """Look at the electrons often with a cheap level of theory, and now and then with a good one."""
    for engine in ("cp2k", "lammps", "analysis", "conversion"):
        registered_code(engine)
    with enable_caching():
        points = [
            # Frames 10 fs apart: how fast the four centres of an iodide turn.
            study("xtb", 4.99, 2, 50, 0.1, OF_EVERY_FRAME | {"tetrahedral_rotor": {"longest_lag": 0.99}}),
            # Ten frames 2.2 ps apart: how large its dipole is.
            study("balanced", 20.0, 440, 5, 0.01, OF_EVERY_FRAME),
        ]
    found = conditions(points)
    for table in quantity_tables(found):
        Console().print(table)
    write_report(page, "agi-centres", found, points)
    print(f"report: {page}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
