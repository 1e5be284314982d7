"""The command line: ``aiida-superionic ...``, and the same commands as ``verdi data superionic ...``."""

from aiida_superionic.cli.root import cmd_root, main

__all__ = ["cmd_root", "main"]
