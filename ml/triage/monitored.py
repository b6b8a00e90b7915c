"""What is watched of a visit and its answer, and what that was of the visits a version learnt from."""

from collections.abc import Sequence

from ml.monitoring.reference import Reference, Row
from ml.triage.complaints import match
from ml.triage.features import FEATURES, Visit
from ml.triage.model import TriageModel, View

NUMERIC = (*(each.name for each in FEATURES if each.name != "sexe"), "confidence")
CATEGORICAL = ("sexe", "motif_consultation", "level", "quality")


def row(visit: Visit, complaint: str | None, view: View | None) -> Row:
    """Return what is watched of a visit that was answered: what was measured, and the model's view.

    Parameters
    ----------
    visit
        What was measured.
    complaint
        The scale's row that was told from its words, or chosen; the words themselves are not watched.
    view
        What the model said; None where it failed.
    """
    found: dict[str, float | str | None] = {**visit.values, "quality": visit.quality()}
    found["sexe"] = {1.0: "F", 0.0: "M"}.get(visit.values.get("sexe", -1.0))
    found["motif_consultation"] = complaint
    if view is not None:
        found |= {"level": f"KTAS {view.level}", "confidence": view.confidence}
    return found


def reference(model: TriageModel, visits: Sequence[Visit]) -> Reference:
    """Return the reference of a version: the visits it learnt from, and what it says of them."""
    rows = [
        row(visit, match(visit.complaint).complaint, view)
        for visit, view in zip(visits, model.views(visits), strict=True)
    ]
    return Reference.of(rows, NUMERIC, CATEGORICAL)
