"""The root of the command line."""

from __future__ import annotations

import gc

import click
from aiida.cmdline.groups import VerdiCommandGroup
from aiida.cmdline.params import options, types

from aiida_superionic import __version__


@click.group(
    "superionic",
    cls=VerdiCommandGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@options.PROFILE(type=types.ProfileParamType(load_profile=True), expose_value=False)
@click.version_option(__version__, message="aiida-superionic %(version)s")
def cmd_root() -> None:
    """Superionic conductors: from a campaign file to numbers with a provenance.

    \b
    A first session:
      aiida-superionic setup                        once: profile, computer, engines
      verdi daemon start
      aiida-superionic campaign plan FILE.yaml      what would run
      aiida-superionic campaign apply FILE.yaml --watch
      aiida-superionic campaign results FILE.yaml
      aiida-superionic campaign report FILE.yaml

    Shell completion: eval "$(_AIIDA_SUPERIONIC_COMPLETE=bash_source aiida-superionic)" in bash; zsh_source and
    fish_source for the others.
    """  # noqa: D301 - click reads the escaped character as: keep the lines


from aiida_superionic.cli import (  # noqa: E402, F401 - each adds its commands to the root
    campaign,
    campaign_files,
    dataset,
    engines,
    lattice,
    learn,
    nodes,
    potential,
    query,
    setup,
    structures,
)


def main() -> None:
    """Run the command line."""
    # A command makes many objects that live until it ends: looking for garbage among them every 700 costs a tenth of
    # its time.
    gc.set_threshold(200_000, 20, 20)
    cmd_root(prog_name="aiida-superionic")
