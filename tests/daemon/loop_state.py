"""Wait for the end of a learning loop and print what the graph holds of it: ``loop_state.py PK``."""

import json
import sys
import time

from aiida import load_profile, orm
from sqlalchemy.exc import OperationalError

load_profile()
node = orm.load_node(int(sys.argv[1]))
while True:
    try:
        if node.is_terminated:
            break
    except OperationalError:  # SQLite is locked: whoever writes is still at work
        pass
    time.sleep(1.0)
jobs = [job for job in node.called_descendants if isinstance(job, orm.CalcJobNode)]
labels = [job for job in jobs if job.process_label == "EvaluateCalculation"]
print(
    json.dumps(
        {
            "exit_status": node.exit_status,
            "message": node.exit_message,
            "labelled": [job.inputs.dataset.base.attributes.get("sha256") for job in labels],
            "failed": sum(job.is_failed for job in jobs),
            "dataset": node.outputs.dataset.base.attributes.get("sha256") if "dataset" in node.outputs else None,
            "iterations": len(node.outputs.iterations["iterations"]) if "iterations" in node.outputs else None,
        }
    )
)
