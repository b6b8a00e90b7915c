"""Ten seconds of further patients, whose beats are told by their diagnosis: LUDB and PTB-XL.

MIT-BIH has four patients with a left and six with a right bundle branch block. These have more of them, and
of normal beats. Nobody annotated their beats one by one, but with a complete block and no premature beats
every regular beat is one of that block. Records in which that is not sure are left out: pacemakers,
incomplete blocks, pre-excitation, premature beats; of the others, beats that come off the rhythm.
"""

import ast
import csv
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ml.ecg.annotated import AnnotatedRecord, RecordError
from ml.ecg.decoded import DecodeError
from ml.ecg.readers.wfdb import read_record
from ml.ecg.resampling import at_rate
from ml.ecg.rpeaks.detector import detect_r_peaks

LEADS = ("II", "V1")
UNEVEN = 0.12
"""How far from the middle one, as a share, intervals beside a beat may be, unless the atria fibrillate."""
UNKNOWN = "Q"

Diagnosed = tuple[str, Path, str, bool]
"""A record's name, its header, the code of its beats, and whether its rhythm is uneven by itself."""


def read_diagnosed(folder: Path, rate_hz: float) -> Iterator[AnnotatedRecord]:
    """Yield the records of LUDB or of PTB-XL (at 100 Hz) that are of use, leads II and V1.

    Parameters
    ----------
    folder : Path
        As `python -m ml download` arranges it; records that are not there are left out.
    rate_hz : float
        The sampling rate to bring them to.

    Raises
    ------
    RecordError
        When it is neither, has no such record, or one is damaged.
    """
    if (folder / "ludb.csv").exists():
        listed = _ludb(folder)
    elif (folder / "ptbxl_database.csv").exists():
        listed = _ptbxl(folder)
    else:
        raise RecordError(f"{folder}: neither ludb.csv nor ptbxl_database.csv")
    found = [each for each in listed if each[1].exists()]
    if not found:
        raise RecordError(f"{folder}: none of the records of its list")
    for each in found:
        yield _read(each, rate_hz)


def _ludb(folder: Path) -> Iterator[Diagnosed]:
    with (folder / "ludb.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            conduction = row["Conduction abnormalities"].lower()
            blocks = re.findall(r"(incomplete|complete) (left|right) bundle", conduction)
            doubtful = row["Extrasystolies"].strip() or row["Cardiac pacing"].strip()
            if doubtful or "intravintricular" in conduction or len(blocks) > 1:
                continue
            if blocks and blocks[0][0] == "incomplete":
                continue
            number = row["ID"].strip()
            code = {"left": "L", "right": "R"}[blocks[0][1]] if blocks else "N"
            rhythm = row["Rhythms"].lower()
            if "aberrant" not in rhythm:
                yield f"ludb-{number}", folder / "data" / f"{number}.hea", code, "fibrillation" in rhythm


def _ptbxl(folder: Path) -> Iterator[Diagnosed]:
    doubtful = {"PVC", "PAC", "PACE", "WPW", "IVCD", "ILBBB", "IRBBB", "SVARR", "BIGU", "TRIGU", "PRC(S)"}
    with (folder / "ptbxl_database.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            codes = set(ast.literal_eval(row["scp_codes"]))
            blocks = codes & {"CLBBB", "CRBBB"}
            sure = row["validated_by_human"] == "True" and not row["extra_beats"].strip()
            if codes & doubtful or len(blocks) > 1 or not sure or "extrasyst" in row["report"].lower():
                continue
            code = {"CLBBB": "L", "CRBBB": "R"}[blocks.pop()] if blocks else "N"
            patient, name = int(float(row["patient_id"])), f"{row['filename_lr']}.hea"
            yield f"ptbxl-{patient}.{row['ecg_id']}", folder / name, code, "AFIB" in codes


def _read(diagnosed: Diagnosed, rate_hz: float) -> AnnotatedRecord:
    name, path, code, uneven = diagnosed
    try:
        recording = read_record(path)
        leads = np.stack([recording.lead(lead) for lead in LEADS], axis=1).astype(np.float64)
    except (OSError, LookupError, DecodeError) as error:
        raise RecordError(f"record {name}: {path} cannot be read ({error})") from error
    samples, _ = at_rate(leads, recording.sampling_rate_hz, rate_hz)
    peaks = detect_r_peaks(samples[:, 0], rate_hz)
    intervals = np.diff(peaks)
    off = np.abs(intervals / np.median(intervals) - 1) > UNEVEN if len(intervals) else np.zeros(0, np.bool_)
    beside = np.append(off, False) | np.insert(off, 0, False)
    known = np.ones(len(peaks), np.bool_) if uneven else ~beside
    return AnnotatedRecord(
        name=name,
        leads=LEADS,
        samples_mv=samples,
        sampling_rate_hz=rate_hz,
        positions=peaks,
        symbols=tuple(np.where(known, code, UNKNOWN).tolist()),
    )
