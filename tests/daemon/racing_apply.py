"""Two submitters at the same instant, again and again: ``racing_apply.py ROUNDS SEED FILE``.

Each round applies another point of FILE twice at once. In every other round one of the two, drawn by chance, is killed
by ``kill -9`` at an instant drawn by chance. Prints how many were killed before they had done.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path

from aiida import load_profile

from aiida_superionic.campaigns.apply import apply
from aiida_superionic.campaigns.spec import load_campaign

_LONGEST = 1.5  # s; what a submission takes at most, or a little more


def submitter(campaign, start):
    """Fork a process that applies a campaign once the pipe is closed, and return its number."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            load_profile()
            os.read(start, 1)
            apply(campaign)
            status = 0
        finally:
            sys.stderr.flush()
            os._exit(status)
    return pid


def main(rounds, seed, file):
    rng = random.Random(seed)
    text = Path(file).read_text()
    killed = 0
    for number in range(rounds):
        one = Path(file).with_name(f"race-{number}.yaml")
        one.write_text(text.replace(f"replicas: {rounds}\n", f"replicas: 1\nseed: {number + 1}\n"))
        point = load_campaign(one)
        start, go = os.pipe()
        both = []
        for _ in range(2):
            both.append(submitter(point, start))
        time.sleep(0.5)
        os.close(start)
        os.write(go, b"go")
        os.close(go)
        doomed, instant = rng.choice(both), rng.uniform(0.0, _LONGEST)
        if number % 2:
            time.sleep(instant)
            os.kill(doomed, signal.SIGKILL)
        for pid in both:
            _, status = os.waitpid(pid, 0)
            if os.WIFSIGNALED(status):
                killed += 1
            elif status:
                sys.exit(f"a submitter of round {number} failed")
    print(killed)


main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
