"""A potential on the graph."""

from __future__ import annotations

import io
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from aiida.common.exceptions import ValidationError
from aiida.orm import Data

from aiida_superionic.potentials import Potential, PotentialError, parse_potential

_NO_FILES: Mapping[str, bytes] = MappingProxyType({})


class PotentialData(Data):
    """Anything that gives forces in MD: its parameter file, and what people filter on as attributes.

    Parameters
    ----------
    text
        The parameter file, as :func:`aiida_superionic.potentials.parse_potential` reads it.
    files
        Content of each file that it names, by its name; nothing where a potential is all text.

    Raises
    ------
    aiida_superionic.potentials.PotentialError
        If the text does not describe a potential, or the files are not those that it names.
    """

    _FILE = "potential.yaml"

    def __init__(self, text: str | None = None, files: Mapping[str, bytes] = _NO_FILES, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if text is not None:
            potential = parse_potential(text, files)
            # The parameter file last: none of the others can take its place.
            for name, content in {**files, self._FILE: text.encode()}.items():
                self.base.repository.put_object_from_filelike(io.BytesIO(content), name)
            self.base.attributes.set_many(
                {
                    "family": potential.family,
                    "species": list(potential.species),
                    "source": potential.source,
                    "units": {"energy": "eV", "length": "Å", "charge": "e"},
                }
            )

    def _validate(self) -> None:
        super()._validate()
        try:
            parse_potential(self.text, self.files)
        except (FileNotFoundError, PotentialError) as error:
            raise ValidationError(str(error)) from error

    @property
    def text(self) -> str:
        """The parameter file."""
        return str(self.base.repository.get_object_content(self._FILE))

    @property
    def files(self) -> dict[str, bytes]:
        """Content of each file beside the parameter file, by its name."""
        repository = self.base.repository
        names = [name for name in repository.list_object_names() if name != self._FILE]
        return {name: repository.get_object_content(name, mode="rb") for name in names}

    @property
    def potential(self) -> Potential:
        """The potential that the parameter file describes."""
        return parse_potential(self.text, self.files)
