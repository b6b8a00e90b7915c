"""Our Parquet files say to another program what was written into them."""

import datetime as dt
from pathlib import Path

import duckdb
import pytest

from server.parquet import Cell, Kind, parquet

DAYS = [dt.date(1969, 12, 31), None, dt.date(2026, 11, 27)]


def read(content: bytes, folder: Path) -> tuple[list[str], list[str], list[tuple[Cell, ...]]]:
    """Return names, types and rows as DuckDB reads them."""
    path = folder / "table.parquet"
    path.write_bytes(content)
    with duckdb.connect() as connection:
        table = connection.read_parquet(str(path))
        return table.columns, [str(each) for each in table.types], table.fetchall()


@pytest.mark.parametrize("times", [0, 1, 7, 2_000])
def test_another_program_reads_what_was_written(tmp_path: Path, times: int) -> None:
    nothing: list[Cell] = [None] * 3
    table: dict[str, tuple[Kind, list[Cell]]] = {
        "jour": (Kind.DAY, [*DAYS] * times),
        "nom": (Kind.TEXT, ["", "Élevée, « 3A »", None] * times),
        "n": (Kind.WHOLE, [None, -1, 2**62] * times),
        "part": (Kind.REAL, [0.1, None, -1e300] * times),
        "vide": (Kind.TEXT, nothing * times),
    }
    names, types, rows = read(parquet(table), tmp_path)
    assert names == list(table)
    assert types == ["DATE", "VARCHAR", "BIGINT", "DOUBLE", "VARCHAR"]
    assert rows == list(zip(*(cells for _kind, cells in table.values()), strict=True))


def test_a_table_may_have_many_columns(tmp_path: Path) -> None:
    table = {f"c{number}": (Kind.WHOLE, [number]) for number in range(200)}
    assert read(parquet(table), tmp_path)[2] == [tuple(range(200))]


def test_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="equally long"):
        parquet({"a": (Kind.WHOLE, [1]), "b": (Kind.WHOLE, [])})
