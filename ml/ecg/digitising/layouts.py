"""How 12 leads are printed: which stands where."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ml.ecg.leads import STANDARD_LEADS

CABRERA = ("aVL", "I", "-aVR", "II", "aVF", "III", "V1", "V2", "V3", "V4", "V5", "V6")


@dataclass(frozen=True)
class Layout:
    """Rows of leads in columns, and below them strips of one lead over the whole time.

    Attributes
    ----------
    rows, columns : int
        Of the leads.
    strips : tuple of str
        The leads usually printed below; which they are is found out by comparison.
    """

    rows: int
    columns: int
    strips: tuple[str, ...] = ()

    @property
    def height(self) -> int:
        """Rows in all."""
        return self.rows + len(self.strips)

    @property
    def stretches(self) -> int:
        """Leads and strips."""
        return self.rows * self.columns + len(self.strips)


LAYOUTS: Mapping[str, Layout] = MappingProxyType(
    {
        "3x4": Layout(3, 4),
        "3x4+1": Layout(3, 4, ("II",)),
        "3x4+2": Layout(3, 4, ("II", "V1")),
        "3x4+3": Layout(3, 4, ("V1", "II", "V5")),
        "6x2": Layout(6, 2),
        "6x2+1": Layout(6, 2, ("II",)),
        "12x1": Layout(12, 1),
        "6x1": Layout(6, 1),
    }
)

COLUMN_S = MappingProxyType({4: 2.5, 2: 5.0, 1: 10.0})
"""What a column of a row of ten seconds takes, by the number of columns."""


def lead_at(layout: Layout, row: int, column: int, order: tuple[str, ...] = STANDARD_LEADS) -> str:
    """Return the lead of a row and column: they are printed column by column."""
    return order[column * layout.rows + row]
