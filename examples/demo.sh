# The study of examples/NAME.yaml, from a new profile to a page, for the NAME that is given. Started by `make demo`,
# `make demo-polyanion` and `make demo-paddlewheel`, which set AIIDA_PATH to a folder of its own: a profile that you have is
# not touched. Repeat it and it finds everything done.
set -eu

aiida-superionic setup
if ! aiida-superionic campaign status "examples/$1.yaml" --done; then
    trap 'verdi daemon stop' EXIT
    verdi daemon start
fi
aiida-superionic campaign apply "examples/$1.yaml" --watch
aiida-superionic campaign results "examples/$1.yaml" --all
aiida-superionic campaign report "examples/$1.yaml" --output ".demo/$1.html"
