"""The campaign file of the published study of a reference crystal."""

from __future__ import annotations

import textwrap

from aiida_superionic.structures import Material

_FILE = """\
{source}
campaign: {name}-study

structure:
  material: {name}
  supercell: {supercell}

potentials: [{potential}]

temperatures: {temperatures}

constraints: [UC, RC, RTC, RTVC]
{rotors}
# The study has one run of each; error bars are the scatter of several.
replicas: {replicas}

md:
  ensemble: nvt
  timestep: {timestep:g} fs
  equilibration: {equilibration:g} ps
  production: {production:g} ns
  # Nothing is said of it in the study. Densities of states take {fine:g} fs, and a run that is as much shorter.
  sampling_interval: {coarse:g} fs

observables:
  - conductivity
  - diffusion
  - radial_distribution
  - density_profile
  - jumps
  - reorientations
  - temperature
"""
_REPLICAS = 3
_FINE, _COARSE = 0.006, 0.102
"""Sampling intervals in ps, of vibrations and of what diffuses: whole numbers of every study's timestep."""


def study_campaign(name: str, material: Material, potential: str) -> str:
    """Return the campaign file of the published study of a reference crystal, with another potential in its place.

    Raises
    ------
    ValueError
        If there is no study of it.
    """
    study = material.study
    if study is None:
        raise ValueError(f"no study of {name} is known")
    source = textwrap.wrap(" ".join(f"Published study: {study.source}".split()), 116)
    return _FILE.format(
        source="\n".join(f"# {line}" for line in source),
        name=name,
        supercell=list(study.supercell),
        potential=potential,
        temperatures=[int(temperature) for temperature in study.temperatures],
        rotors=f"\nrotors: [{', '.join(study.rotors)}]\n" if study.rotors else "",
        replicas=_REPLICAS,
        timestep=1e3 * study.timestep,
        equilibration=study.equilibration,
        production=1e-3 * study.production,
        fine=1e3 * _FINE,
        coarse=1e3 * _COARSE,
    )
