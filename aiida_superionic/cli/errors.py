"""What a user did wrong, told in a sentence and an exit status of 2."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import click

from aiida_superionic.errors import SuperionicError

P = ParamSpec("P")
R = TypeVar("R")


class UserError(click.ClickException):
    """A mistake that the user can mend."""

    exit_code = 2


def tells_user_errors(command: Callable[P, R]) -> Callable[P, R]:
    """Turn the mistakes that a command finds into sentences."""

    @wraps(command)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        from sqlalchemy.exc import OperationalError

        try:
            return command(*args, **kwargs)
        except SuperionicError as error:
            raise UserError(str(error)) from None
        except OperationalError as error:
            raise UserError(
                f"the database does not answer ({error.orig}); nothing is lost: repeat the command"
            ) from None

    return wrapper
