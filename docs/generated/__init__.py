"""A Sphinx extension for the pages that are made of what the package says of itself.

Pages below ``reference/`` and ``topics/`` are Jinja templates. What they are filled with is computed at each build by
the modules of this folder: an observable, a key of campaign files, a command, an entry point, a crystal or a protocol
that is added to the package is in the handbook with no other edit. Nothing of it needs an AiiDA profile.
"""

from __future__ import annotations

import re
from functools import cache
from itertools import takewhile
from typing import Any

from jinja2 import Environment, StrictUndefined

from aiida_superionic.analysis import statistics
from aiida_superionic.analysis.needs import needs_in_words
from aiida_superionic.analysis.registry import observables
from aiida_superionic.constraints import lammps as lammps_constraint
from aiida_superionic.constraints.constraint import Constraint
from aiida_superionic.datafiles import load_yaml, read_folder
from aiida_superionic.lattice.request import lattice_models
from aiida_superionic.potentials import parse_potential, potentials
from aiida_superionic.structures import materials, molecules
from generated.campaign_keys import in_yaml, sections
from generated.commands import commands, scripts
from generated.plugins import plugins

TEMPLATES = re.compile(r"(reference|topics)/.*")


def protocols() -> dict[str, Any]:
    """Return the protocols of each process: what the file says at its head, what all share, and each by name."""
    texts = read_folder("aiida_superionic.workchains", "protocols")
    heads = {
        process: takewhile(lambda line: line.startswith("#"), text.splitlines()) for process, text in texts.items()
    }
    return {
        process: {**load_yaml(text), "about": " ".join(line.removeprefix("# ") for line in heads[process])}
        for process, text in texts.items()
    }


def cell(text: str) -> str:
    """Return text that stands in a cell of a Markdown table as it is; what is in backquotes stays code."""
    parts = re.split(r"(`+[^`]+`+)", " ".join(str(text).split()))
    return "".join(part if part.startswith("`") else re.sub(r"([\\*_{}\[\]<>|$#])", r"\\\1", part) for part in parts)


@cache
def facts() -> dict[str, Any]:
    """Return what the templates are filled with."""
    return {
        "observables": observables(),
        "sections": sections(),
        "commands": list(commands()),
        "scripts": list(scripts()),
        "plugins": plugins(),
        "materials": materials(),
        "molecules": molecules(),
        "potentials": {name: parse_potential(text) for name, text in potentials().items()},
        "lattice_models": lattice_models(),
        "protocols": protocols(),
        "statistics": statistics,
        "lammps_constraint": lammps_constraint,
        "constraint_limits": Constraint.model_fields,
    }


def render(template: str) -> str:
    """Return the Markdown of a page."""
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False)  # noqa: S701 - Markdown
    environment.filters |= {"cell": cell, "yaml": in_yaml, "in_words": needs_in_words}
    return environment.from_string(template).render(facts())


def setup(app: Any) -> dict[str, bool]:
    """Let Sphinx fill the templates, anew at every build."""

    def fill(_app: Any, docname: str, content: list[str]) -> None:
        if TEMPLATES.fullmatch(docname):
            content[0] = render(content[0])

    app.connect("source-read", fill)
    app.connect(
        "env-get-outdated", lambda _app, env, *_: [name for name in env.found_docs if TEMPLATES.fullmatch(name)]
    )
    return {"parallel_read_safe": True}
