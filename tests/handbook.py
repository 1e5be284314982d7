"""The pages of the handbook, and what stands in their blocks of code."""

import re
import shlex
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted(path for path in DOCS.rglob("*.md") if "_build" not in path.parts),
]
TUTORIAL = DOCS / "tutorial" / "first_figure.md"
NOTEBOOK = ROOT / "examples" / "campaign_figure.ipynb"
PROMPT = "$ "


@dataclass(frozen=True)
class Block:
    """A block of code.

    ``mark`` is what an HTML comment right before it says: ``file: NAME``, ``run`` or ``install``.
    """

    page: Path
    line: int
    language: str
    text: str
    mark: str

    @property
    def place(self):
        """The block for people: file and line."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def commands(self):
        """The commands of a console or a shell script, each with what it prints."""
        text = re.sub(r"\\\n\s*", " ", self.text)
        if self.language == "bash":
            return [(line, "") for line in text.splitlines() if line]
        parts = re.split(rf"^{re.escape(PROMPT)}", text, flags=re.MULTILINE)
        assert not parts[0], f"{self.place}: a console begins with a command"
        return [(line, printed) for line, _, printed in (part.partition("\n") for part in parts[1:])]


def blocks(*languages, pages=PAGES):
    """Return the blocks of code in some languages."""
    found = []
    for page in pages:
        tokens = MarkdownIt().parse(page.read_text(encoding="utf-8"))
        for before, token in zip([None, *tokens], tokens, strict=False):
            if token.type == "fence" and token.info.strip() in languages:
                comment = before.content if before is not None and before.type == "html_block" else ""
                mark = re.fullmatch(r"<!-- (.*) -->\s*", comment)
                place = token.map[0] + 1
                found.append(Block(page, place, token.info.strip(), token.content, mark[1] if mark else ""))
    return found


def spans():
    """Return the pieces of code within sentences, each with the page and the line where it begins."""
    return [
        (page, token.map[0] + 1, child.content)
        for page in PAGES
        for token in MarkdownIt().enable("table").parse(page.read_text(encoding="utf-8"))
        if token.type == "inline"
        for child in token.children
        if child.type == "code_inline"
    ]


def words(command):
    """Return the words of a command, without comments and without where its output goes."""
    return list(takewhile(lambda word: word not in (">", "|"), shlex.split(command, comments=True)))


def outline(printed):
    """Return what does not change from run to run: words in their order, without numbers and the widths of columns."""
    without_rules = re.sub(r"[┏┳┓┡╇┩│┃└┴┘━─]+", " ", printed)
    # Of a title, and of a cell, where its lines are broken depends on how wide the numbers are.
    return " ".join(re.sub(r"\d+(\.\d+)?(e[-+]\d+)?", "0", without_rules).split())


def agrees(shown, printed):
    """Return whether what was printed is what is shown, where three dots stand for anything."""
    parts = map(re.escape, re.split(r"\s*\.\.\.\s*", outline(shown)))
    return re.fullmatch(r".*".join(parts), outline(printed)) is not None
