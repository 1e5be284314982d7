# The α-AgI study of examples/agi.yaml, from a new profile to a page. Started by `make demo`, which sets AIIDA_PATH to a
# folder of its own: a profile that you have is not touched. Repeat it and it finds everything done.
set -eu

aiida-superionic setup
if ! aiida-superionic campaign status examples/agi.yaml --done; then
    trap 'verdi daemon stop' EXIT
    verdi daemon start
fi
aiida-superionic campaign apply examples/agi.yaml --watch
aiida-superionic campaign results examples/agi.yaml --all
aiida-superionic campaign report examples/agi.yaml --output .demo/agi.html
