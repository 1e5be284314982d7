"""The study of Wannier centres that `make demo-dft` runs."""

import runpy
from pathlib import Path

import pytest

from aiida_superionic.campaigns.results import conditions
from aiida_superionic.cli.errors import UserError
from aiida_superionic.report.page import write_report

DEMO = runpy.run_path(str(Path(__file__).parents[2] / "examples" / "dft.py"))


def test_without_cp2k_it_says_how_to_install_it_before_anything_runs(aiida_profile_clean, tmp_path):
    with pytest.raises(UserError, match=r"cp2k@superionic-local .*apt-get install cp2k"):
        DEMO["main"](tmp_path / "page.html")


@pytest.mark.slow
@pytest.mark.usefixtures("lammps_code", "cp2k_code", "analysis_code", "conversion_code")
def test_a_classical_trajectory_gets_its_centres_and_a_page(tmp_path):
    result = DEMO["study"]("xtb", 0.09, 2, 5, 0.1, {"dipoles": {}, "radial_distribution": {}})
    assert result.specification["frames"] == 10
    assert result.specification["between frames, ps"] == pytest.approx(0.01)
    # Polarised by its neighbours, but an ion still: less than one electron pair moved by 1 Å, which is 9.6 D.
    assert 0.5 < result.observables["dipole_moment_I"]["value"] < 9.6
    assert {"radial_distribution_centres_I_I", "radial_distribution_centres_Ag_I"} <= set(result.curves)
    write_report(tmp_path / "page.html", "centres", conditions([result]), [result])
    assert "Dipole moment (I)" in (tmp_path / "page.html").read_text()
