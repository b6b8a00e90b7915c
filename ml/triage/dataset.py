"""Reading the visits of Moon et al. (2019), which experts triaged, into the canonical table.

Only what is known at triage is read: `KTAS_RN`, `Diagnosis in ED`, `Disposition`, `Error_group`, `Length
of stay_min`, `KTAS duration_min` and `mistriage` tell the answer and are never looked at.
"""

import csv
import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ml.triage.features import COMPLAINT, Visit, read
from ml.triage.levels import KTAS, Ktas

_COLUMNS = {
    "Age": "age",
    "HR": "frequence_cardiaque",
    "SBP": "pression_systolique",
    "DBP": "pression_diastolique",
    "RR": "frequence_respiratoire",
    "BT": "temperature",
    "Saturation": "saturation_oxygene",
    "NRS_pain": "echelle_douleur",
}
_SEX = {"1": "F", "2": "M"}
_GLASGOW = {"1": 15, "2": 13, "3": 8, "4": 3}
"""The level of consciousness (alert, to voice, to pain, none) as the usual Glasgow score."""
_NO_PAIN = "0"
_NEEDED = (*_COLUMNS, "Sex", "Mental", "Pain", "Chief_complain", "KTAS_expert")


class DatasetError(OSError):
    """A file that does not hold such visits; the message says why."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """Visits with the experts' level; `faults` counts what the file had to be cleaned of."""

    visits: tuple[Visit, ...]
    levels: tuple[Ktas, ...]
    faults: Mapping[str, int]

    @property
    def data_hash(self) -> str:
        """Return the SHA-256 of the visits as they are learnt from."""
        digest = hashlib.sha256()
        for visit, level in zip(self.visits, self.levels, strict=True):
            digest.update(f"{_shown(visit)} {level}\n".encode())
        return digest.hexdigest()


def visit_key(visit: Visit) -> str:
    """Return what two visits share that look the same to the model: answers to questions it is not shown."""
    return hashlib.sha256(_shown(visit).encode()).hexdigest()


def _shown(visit: Visit) -> str:
    return f"{sorted(visit.values.items())} {visit.complaint!r}"


def load(path: Path) -> Dataset:
    """Read a file in the form of `ktas.csv`.

    A value that is no number or outside its range is left out, as one that is missing; so is a diastolic
    pressure that is not below the systolic. The scale of pain is 0 where there is no pain, and missing
    where there is and nobody noted how much.

    Raises
    ------
    DatasetError
        When columns are missing, or a visit has no level.
    """
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        rows = csv.DictReader(file, delimiter=";")
        missing = [name for name in _NEEDED if name not in (rows.fieldnames or ())]
        if missing:
            raise DatasetError(f"{path} misses the columns {', '.join(missing)}")
        visits: list[Visit] = []
        levels: list[Ktas] = []
        faults: Counter[str] = Counter()
        for number, row in enumerate(rows, start=2):
            level = (row["KTAS_expert"] or "").strip()
            if level not in {str(each) for each in KTAS}:
                raise DatasetError(f"{path}:{number}: KTAS_expert is {level!r}")
            levels.append(KTAS[int(level) - 1])
            visits.append(_visit(row, faults))
    if not visits:
        raise DatasetError(f"{path} holds no visit")
    return Dataset(tuple(visits), tuple(levels), dict(faults))


def _visit(row: Mapping[str, str | None], faults: Counter[str]) -> Visit:
    given: dict[str, object] = {name: (row[column] or "").strip() for column, name in _COLUMNS.items()}
    given["sexe"] = _SEX.get((row["Sex"] or "").strip())
    given["glasgow"] = _GLASGOW.get((row["Mental"] or "").strip())
    if (row["Pain"] or "").strip() == _NO_PAIN:
        given["echelle_douleur"] = 0
    given[COMPLAINT] = (row["Chief_complain"] or "").replace("?", " ")
    reading = read(given)
    for error in reading.errors:
        faults[f"{error.field}: {error.code}"] += 1
    if not reading.visit.complaint:
        faults["motif_consultation: unreadable"] += 1
    wrong = {error.field for error in reading.errors}
    kept = {name: value for name, value in reading.visit.values.items() if name not in wrong}
    return Visit(kept, reading.visit.complaint, {})
