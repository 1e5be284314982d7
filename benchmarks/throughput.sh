# Measure submission in the profile of AIIDA_PATH, which is made for it.
set -eu
mkdir -p "$AIIDA_PATH"
aiida-superionic setup
# A worker that is full leaves the rest in the queue, and the cores to what is measured.
verdi config set daemon.worker_process_slots 1
verdi daemon start
python benchmarks/throughput.py || status=$?
verdi daemon stop
exit "${status:-0}"
