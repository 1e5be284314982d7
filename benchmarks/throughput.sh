# Measure submission in the profile of AIIDA_PATH, which is made for it.
set -eu
mkdir -p "$AIIDA_PATH"
aiida-superionic setup
verdi daemon start
python benchmarks/throughput.py || status=$?
verdi daemon stop
exit "${status:-0}"
