"""Reading the files of a job, whatever is left of them."""

from __future__ import annotations

import re

from aiida.parsers import Parser

_EXCEPTION = re.compile(r"^(?P<told>[A-Za-z_][\w.]*(?:Error|Exception|Interrupt)\b.*)$", re.MULTILINE)
_DIGEST = re.compile(r"^(?P<digest>[0-9a-f]{64}) [ *](?P<file>\S+)$", re.MULTILINE)


class FilesParser(Parser):
    """A parser that takes the retrieved files as text."""

    def has(self, name: str) -> bool:
        """Return whether a file was retrieved."""
        return name in self.retrieved.base.repository.list_object_names()

    def text(self, name: str) -> str:
        """Return the text of a retrieved file, empty where there is none."""
        if not self.has(name):
            return ""
        content: bytes = self.retrieved.base.repository.get_object_content(name, mode="rb")
        return content.decode("utf-8", errors="replace")


def read_digests(text: str) -> dict[str, str]:
    """Return the SHA-256 of each file by its name, from what ``sha256sum`` printed."""
    return {match["file"]: match["digest"] for match in _DIGEST.finditer(text)}


def sentence_of(output: str, program: str) -> str:
    """Return the last sentence that one of our scripts said, or the last line where it said none.

    Parameters
    ----------
    output
        What the job printed.
    program
        What its sentences begin with: the script's name, a colon and a space.
    """
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    told = [line.removeprefix(program) for line in lines if line.startswith(program)]
    return (told or lines or ["it printed nothing"])[-1][:500]


def exception_of(output: str) -> str | None:
    """Return the last exception that a program in Python ended with, or None where it printed none."""
    told = [match["told"].strip() for match in _EXCEPTION.finditer(output)]
    return told[-1][:500] if told else None
