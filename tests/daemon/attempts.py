"""Print what the graph holds of a campaign: ``python attempts.py FILE``."""

import json
import sys
from pathlib import Path

from aiida import load_profile, orm

from aiida_superionic.campaigns.points import expand
from aiida_superionic.campaigns.spec import load_campaign
from aiida_superionic.data.campaign import CampaignGroup
from aiida_superionic.data.point import PointData

load_profile()
campaign = load_campaign(Path(sys.argv[1]))
points = []
for specification in expand(campaign):
    nodes = orm.QueryBuilder().append(PointData, filters={"attributes.hash": specification.hash}).all(flat=True)
    query = orm.QueryBuilder().append(PointData, filters={"attributes.hash": specification.hash}, tag="point")
    query.append(orm.WorkChainNode, with_incoming="point")
    attempts = [
        {
            "pk": node.pk,
            "state": node.process_state and node.process_state.value,
            "exit_status": node.exit_status,
            "jobs": sum(isinstance(below, orm.CalcJobNode) for below in node.called_descendants),
        }
        for node in query.all(flat=True)
    ]
    points.append({"nodes": len(nodes), "attempts": attempts})
print(
    json.dumps(
        {
            "points": points,
            "group": orm.QueryBuilder()
            .append(CampaignGroup, filters={"label": campaign.campaign}, tag="group")
            .append(PointData, with_group="group")
            .count(),
            "processes": orm.QueryBuilder().append(orm.ProcessNode).count(),
            "nodes": orm.QueryBuilder().append(orm.Node).count(),
        }
    )
)
