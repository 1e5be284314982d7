"""Print charges and forces by tblite's GFN1-xTB, as JSON: ``python benchmarks/tblite_labels.py FRAME.extxyz``."""

from __future__ import annotations

import json
import sys

from ase.io import read
from tblite.ase import TBLite

atoms = read(sys.argv[1])
atoms.calc = TBLite(method="GFN1-xTB", verbosity=0)
print(json.dumps({"charges": atoms.get_charges().tolist(), "forces": atoms.get_forces().tolist()}))
