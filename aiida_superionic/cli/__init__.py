"""The command line: ``aiida-superionic ...``, and the same commands as ``verdi data superionic ...``."""

import warnings

# That AiiDA makes its configuration folder is no cause for a warning; it warns as soon as it is imported.
warnings.filterwarnings("ignore", message="Creating AiiDA configuration folder")

from aiida_superionic.cli.root import cmd_root, main  # noqa: E402

__all__ = ["cmd_root", "main"]
