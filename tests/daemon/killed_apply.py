"""Apply a campaign and die by ``kill -9`` at one instant of its first submission: ``killed_apply.py INSTANT FILE``.

The instants: before the point is stored; after it; when its workchain has no checkpoint, or no task; and when the task
was sent.
"""

import os
import signal
import sys
from pathlib import Path

from aiida import load_profile
from aiida.engine.persistence import AiiDAPersister
from plumpy.process_comms import RemoteProcessThreadController

from aiida_superionic.campaigns import apply as module
from aiida_superionic.campaigns.spec import load_campaign
from aiida_superionic.data.point import PointData
from aiida_superionic.workchains.transport import TransportWorkChain


def die(*_args, **_keywords):
    os.kill(os.getpid(), signal.SIGKILL)


def die_after(function):
    def wrapped(*args, **keywords):
        function(*args, **keywords)
        die()

    return wrapped


def main(instant, file):
    load_profile()
    if instant == "no point":
        PointData.store = die
    elif instant == "point":
        TransportWorkChain.get_builder_from_protocol = die
    elif instant == "no checkpoint":
        AiiDAPersister.save_checkpoint = die
    elif instant == "no task":
        RemoteProcessThreadController.continue_process = die
    elif instant == "task":
        module.submit = die_after(module.submit)
    module.apply(load_campaign(Path(file)))


main(*sys.argv[1:])
