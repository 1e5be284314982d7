"""What a user did wrong, told in a sentence and an exit status of 2."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import click

P = ParamSpec("P")
R = TypeVar("R")


class UserError(click.ClickException):
    """A mistake that the user can mend."""

    exit_code = 2


@contextmanager
def _told() -> Iterator[None]:
    from aiida.common.exceptions import ConfigurationError

    from aiida_superionic.campaigns.apply import ApplyError
    from aiida_superionic.campaigns.document import CampaignFileError
    from aiida_superionic.engines.catalogue import EngineError
    from aiida_superionic.structures.supercell import StructureError

    try:
        yield
    except (ApplyError, CampaignFileError, ConfigurationError, EngineError, StructureError) as error:
        raise UserError(str(error)) from None


def tells_user_errors(command: Callable[P, R]) -> Callable[P, R]:
    """Turn the mistakes that a command finds into sentences."""

    @wraps(command)
    def wrapper(*args: Any, **kwargs: Any) -> R:
        with _told():
            return command(*args, **kwargs)

    return wrapper  # type: ignore[return-value]
