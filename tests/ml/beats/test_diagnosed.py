"""Further patients, whose beats are told by their diagnosis."""

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from ml.beats.diagnosed import LEADS, read_diagnosed
from ml.ecg.annotated import AnnotatedRecord, RecordError

COLUMNS = ("ecg_id", "patient_id", "scp_codes", "validated_by_human", "extra_beats", "report", "filename_lr")


def main_code(record: AnnotatedRecord) -> str:
    return Counter(record.symbols).most_common(1)[0][0]


@pytest.fixture
def folder(tmp_path: Path, shared_data: Path) -> Path:
    """Return a folder with the records of PTB-XL, and no list yet."""
    (tmp_path / "records100").symlink_to(shared_data / "12-lead/ptbxl/records100")
    return tmp_path


def listed(folder: Path, **values: str) -> Path:
    """List the first record of PTB-XL, with these values."""
    row = dict.fromkeys(COLUMNS, "") | {
        "ecg_id": "1",
        "patient_id": "15709.0",
        "scp_codes": "{'NORM': 100.0}",
        "validated_by_human": "True",
        "filename_lr": "records100/00000/00001_lr",
    }
    with (folder / "ptbxl_database.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerow(row | values)
    return folder


def test_a_complete_block_names_every_regular_beat(folder: Path) -> None:
    for codes, code in (("{'NORM': 100}", "N"), ("{'CLBBB': 100, 'SR': 0}", "L"), ("{'CRBBB': 100}", "R")):
        (record,) = read_diagnosed(listed(folder, scp_codes=codes), 360)

        assert main_code(record) == code
        assert record.leads == LEADS
        assert record.samples_mv.shape == (3600, 2)
        assert record.name == "ptbxl-15709.1"
        assert 8 <= len(record.beats()) <= 15


@pytest.mark.parametrize(
    "doubt",
    [
        {"scp_codes": "{'CLBBB': 100, 'PVC': 100}"},
        {"scp_codes": "{'IRBBB': 100}"},
        {"scp_codes": "{'CLBBB': 50, 'CRBBB': 50}"},
        {"scp_codes": "{'PACE': 100}"},
        {"extra_beats": "1ES"},
        {"validated_by_human": "False"},
        {"report": "supraventrikulÄr(a) extrasystoli(er)"},
    ],
    ids=lambda doubt: " ".join(map(str, doubt.values())),
)
def test_what_is_in_doubt_is_left_out(folder: Path, doubt: dict[str, str]) -> None:
    with pytest.raises(RecordError, match="none of the records"):
        list(read_diagnosed(listed(folder, **doubt), 360))


def test_beats_off_the_rhythm_are_not_named_unless_the_atria_fibrillate(folder: Path) -> None:
    (regular,) = read_diagnosed(listed(folder), 360)
    (uneven,) = read_diagnosed(listed(folder, scp_codes="{'AFIB': 0, 'CRBBB': 100}"), 360)
    intervals = np.diff(regular.beats())
    off = np.abs(intervals / np.median(intervals) - 1) > 0.12

    assert regular.symbols.count("Q") == (np.append(off, False) | np.insert(off, 0, False)).sum()
    assert set(uneven.symbols) == {"R"}


def test_ludb_is_read_with_its_diagnoses(shared_data: Path) -> None:
    records = list(read_diagnosed(shared_data / "12-lead/ludb", 360))
    found = Counter(main_code(record) for record in records)

    assert len(records) == 107
    assert (found["N"], found["L"], found["R"]) == (103, 1, 2)
    assert len({record.name for record in records}) == len(records)


def test_a_folder_of_something_else_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"neither ludb\.csv nor ptbxl_database\.csv"):
        list(read_diagnosed(tmp_path, 360))
