"""How 12 leads are printed: which stands where."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from ml.ecg.leads import STANDARD_LEADS

CABRERA = ("aVL", "I", "-aVR", "II", "aVF", "III", "V1", "V2", "V3", "V4", "V5", "V6")


class LayoutName(StrEnum):
    """Layouts that are known: rows, columns and strips."""

    L3X4 = "3x4"
    L3X4_1 = "3x4+1"
    L3X4_2 = "3x4+2"
    L3X4_3 = "3x4+3"
    L6X2 = "6x2"
    L6X2_1 = "6x2+1"
    L12X1 = "12x1"
    L6X1 = "6x1"


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
        LayoutName.L3X4: Layout(3, 4),
        LayoutName.L3X4_1: Layout(3, 4, ("II",)),
        LayoutName.L3X4_2: Layout(3, 4, ("II", "V1")),
        LayoutName.L3X4_3: Layout(3, 4, ("V1", "II", "V5")),
        LayoutName.L6X2: Layout(6, 2),
        LayoutName.L6X2_1: Layout(6, 2, ("II",)),
        LayoutName.L12X1: Layout(12, 1),
        LayoutName.L6X1: Layout(6, 1),
    }
)

COLUMN_S = MappingProxyType({4: 2.5, 2: 5.0, 1: 10.0})
"""What a column of a row of ten seconds takes, by the number of columns."""


def lead_at(layout: Layout, row: int, column: int, order: tuple[str, ...] = STANDARD_LEADS) -> str:
    """Return the lead of a row and column: they are printed column by column."""
    return order[column * layout.rows + row]
