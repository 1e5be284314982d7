"""Reading the files of a job, whatever is left of them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from aiida import orm
from aiida.engine import ExitCode
from aiida.parsers import Parser

from aiida_superionic.calculations import usage

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

    def printed(self) -> str:
        """Return what the job's program printed."""
        return self.text(self.node.get_option("output_filename"))

    def store_usage(self) -> None:
        """Store what the job cost, where it lived to say it."""
        cost = usage.parse_usage(self.text(usage.FILE))
        if cost is not None:
            self.out("usage", orm.Dict(cost))

    def did_not_start(self) -> ExitCode:
        """Return the exit code of an engine that did not print what it begins with, with what is printed instead."""
        told = self.printed() + self.text(self.node.get_option("scheduler_stderr"))
        first = next((line.strip() for line in told.splitlines() if line.strip()), "its output is empty")
        return self.exit_codes.ERROR_ENGINE_DID_NOT_START.format(error=first[:200])

    def wrong_version(self, found: str) -> ExitCode | None:
        """Return the exit code of a script whose version is not the one that the input says."""
        given = self.node.inputs.version.value
        return None if found == given else self.exit_codes.ERROR_VERSION.format(found=found, given=given)


def failure_of(output: str, program: str, codes: Mapping[str, ExitCode], otherwise: ExitCode) -> ExitCode:
    """Return the exit code of what one of our scripts failed of.

    Parameters
    ----------
    output
        What the job printed, its last sentence ``program: subject: what is wrong with it`` where the script knows.
    program
        The script's name.
    codes
        Exit codes by the subject, whose messages take an ``error``.
    otherwise
        That of all other sentences.
    """
    sentence = sentence_of(output, f"{program}: ")
    subject, _, error = sentence.partition(": ")
    return codes[subject].format(error=error) if subject in codes else otherwise.format(error=sentence)


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
