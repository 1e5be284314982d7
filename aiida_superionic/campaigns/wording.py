"""How a campaign's faults are put into words: quoted safely, with the nearest right word."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable

_LONGEST_QUOTE = 60
_ALIKE = 0.8


def quote(value: object) -> str:
    """Return a value as one short printable line, whatever it holds.

    Newlines, terminal control sequences and other characters that do not print come out as escapes. A lone null,
    true or false is spelled as in YAML.
    """
    text = json.dumps(value) if value is None or isinstance(value, bool) else repr(value)
    return text if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE]}..."


def unknown(noun: str, word: str, valid: Iterable[str]) -> str:
    """Return the sentence about a word that is not among the valid ones.

    Parameters
    ----------
    noun
        What the word should name, such as "material".
    word
        The word that was written.
    valid
        The words that could have been written.

    Returns
    -------
    str
        A sentence that ends with the nearest valid word or, where none is near, with all of them.
    """
    by_lower_case = {candidate.lower(): candidate for candidate in sorted(valid)}
    asked = word[:_LONGEST_QUOTE].lower()
    # Of a long word people write the beginning.
    beginnings = {candidate[: len(asked)]: candidate for candidate in sorted(by_lower_case, key=len, reverse=True)}
    nearest = difflib.get_close_matches(asked, by_lower_case, n=1)
    nearest += [beginnings[one] for one in difflib.get_close_matches(asked, beginnings, n=1, cutoff=_ALIKE)]
    if nearest:
        return f"unknown {noun} {quote(word)}; did you mean {by_lower_case[nearest[0]]}?"
    if not by_lower_case:
        return f"unknown {noun} {quote(word)}; none can be given here"
    return f"unknown {noun} {quote(word)}; write {' or '.join(by_lower_case.values())}"
