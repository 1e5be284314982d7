"""A campaign on the graph."""

from aiida.orm import Group


class CampaignGroup(Group):
    """The points that one campaign file asks for; points are shared between campaigns."""
