"""A potential on the graph."""

from __future__ import annotations

import io
from typing import Any

from aiida.common.exceptions import ValidationError
from aiida.orm import Data

from aiida_superionic.potentials import Potential, PotentialError, parse_potential


class PotentialData(Data):
    """Anything that gives forces in MD: its parameter file, and what people filter on as attributes.

    Parameters
    ----------
    text
        The parameter file, as :func:`aiida_superionic.potentials.parse_potential` reads it.

    Raises
    ------
    aiida_superionic.potentials.PotentialError
        If the text does not describe a potential.
    """

    _FILE = "potential.yaml"

    def __init__(self, text: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if text is not None:
            potential = parse_potential(text)
            self.base.repository.put_object_from_filelike(io.BytesIO(text.encode()), self._FILE)
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
            parse_potential(self.text)
        except (FileNotFoundError, PotentialError) as error:
            raise ValidationError(str(error)) from error

    @property
    def text(self) -> str:
        """The parameter file."""
        return str(self.base.repository.get_object_content(self._FILE))

    @property
    def potential(self) -> Potential:
        """The potential that the parameter file describes."""
        return parse_potential(self.text)
