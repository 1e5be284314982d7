"""What was wanted, and whether it was reached."""

from __future__ import annotations


class Verdicts:
    """Words for each figure that was measured, and for all of them at the end."""

    def __init__(self) -> None:
        self._reached: list[bool] = []

    def at_least(self, value: float, wanted: float, unit: str = "") -> str:
        return self._words(value >= wanted, f"wanted at least {wanted:.3g} {unit}")

    def at_most(self, value: float, wanted: float, unit: str = "") -> str:
        return self._words(value <= wanted, f"wanted at most {wanted:.3g} {unit}")

    def _words(self, reached: bool, wanted: str) -> str:
        self._reached.append(reached)
        return f"({wanted.rstrip()}: {'reached' if reached else 'NOT REACHED'})"

    def summary(self) -> str:
        return f"\n{sum(self._reached)} of {len(self._reached)} wanted figures were reached"
