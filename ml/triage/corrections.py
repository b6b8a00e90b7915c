"""What readers said of visits, as the model learns from it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ml.corrections import MIN_FEEDBACK, Corrections, Opinion, read_corrections
from ml.triage.dataset import Dataset, visit_key
from ml.triage.encoding import see
from ml.triage.features import BY_NAME, Visit
from ml.triage.learning import Taught
from ml.triage.levels import KTAS, LEVELS, ktas

FAMILY = "triage"


def read_visits(path: Path, data: Dataset, at_least: int = MIN_FEEDBACK) -> Corrections[Visit]:
    """Return the corrections of a file, without the visits that experts triaged in `data`.

    So no visit is both learnt from and held out, and where readers and experts differ the experts' level
    stands.

    Raises
    ------
    CorrectionsError
        When it cannot be read, or holds too few opinions.
    """
    known = frozenset(visit_key(visit) for visit in data.visits)
    return read_corrections(path, FAMILY, _opinion, at_least).without(known)


def taught(corrections: Corrections[Visit]) -> Taught:
    """Return them as they are learnt from."""
    settled = corrections.settled
    return Taught(
        tuple(see(each.about) for each in settled),
        tuple(KTAS[int(each.label) - 1] for each in settled),
        tuple(float(each.weight) for each in settled),
    )


def _opinion(line: Mapping[str, Any]) -> Opinion[Visit]:
    """Read a line, whose `values` and `complaint` are as the product keeps them.

    Its `label` is a level of the FRENCH scale, whose 3A and 3B are both the model's 3.
    """
    if line["label"] not in LEVELS:
        raise ValueError(f"no level: {line['label']!r}")
    values = {str(name): float(value) for name, value in line["values"].items()}
    for name, value in values.items():
        if not BY_NAME[name].low <= value <= BY_NAME[name].high:
            raise ValueError(f"{name}: {value:g}")
    visit = Visit(values, str(line["complaint"]), {})
    return Opinion(visit_key(visit), visit, str(ktas(line["label"])))
