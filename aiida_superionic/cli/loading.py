"""What commands need before they begin: a profile, and where the points of a file stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiida_superionic.cli.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

    from aiida_superionic.campaigns.attempts import PointStatus


def load_a_profile() -> None:
    """Load the profile, or say how to make one."""
    from aiida.common.exceptions import ConfigurationError
    from aiida.manage import load_profile

    try:
        load_profile()
    except ConfigurationError:
        raise UserError("there is no profile yet; make one with: aiida-superionic setup") from None


def statuses_of(file: Path) -> list[PointStatus]:
    """Return where the points of a campaign file stand."""
    from aiida_superionic.campaigns.points import expand
    from aiida_superionic.campaigns.spec import load_campaign

    campaign = load_campaign(file)
    load_a_profile()
    from aiida_superionic.campaigns.attempts import point_statuses

    return point_statuses(expand(campaign))
