"""A version's figures as a reader takes them: known ones in their unit, those of classes side by side.

The one place that knows in what scale each family logs: of beats most shares are in per cent, those of the
calibration are not; of triage and segmentation none is. Other names come from versions made elsewhere: they
are shown as they are.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

SHARE, PER_CENT, MS, MM, PLAIN = "share", "per cent", "ms", "mm", "plain"


class _Logged(NamedTuple):
    """What a family logs, in the order in which it is shown.

    Parameters
    ----------
    whole, of_class
        The unit of each figure, of the whole and of one class.
    classes
        By the names they are logged under.
    pattern
        How the name of a figure of one class is made.
    """

    whole: Mapping[str, str]
    of_class: Mapping[str, str]
    classes: tuple[str, ...]
    pattern: str


LOGGED = {
    "BEATS": _Logged(
        {
            "accuracy": PER_CENT,
            "macro_f1": PER_CENT,
            "precision": PER_CENT,
            "recall": PER_CENT,
            "kappa": PLAIN,
            "jk": PLAIN,
            "ece": SHARE,
            "coverage": SHARE,
            "latency_per_sample_ms": MS,
        },
        {"sensitivity": PER_CENT, "specificity": PER_CENT, "ppv": PER_CENT, "f1": PER_CENT},
        ("Normal", "LBBB", "RBBB", "APB", "PVC", "N", "S", "V", "F", "Q"),
        "{of}_{figure}",
    ),
    "TRIAGE": _Logged(
        {
            "accuracy": SHARE,
            "cv_accuracy_mean": SHARE,
            "f1_macro": SHARE,
            "precision_macro": SHARE,
            "recall_macro": SHARE,
            "weighted_kappa": PLAIN,
            "emergencies_missed": SHARE,
            "very_urgent_recall": SHARE,
            "under_triage": SHARE,
            "over_triage": SHARE,
            "calibration_error": SHARE,
            "coverage": SHARE,
            "set_size": PLAIN,
            "latency_per_sample_ms": MS,
        },
        {},
        (),
        "",
    ),
    "SEGMENTATION": _Logged(
        {}, {"dice": PLAIN, "hd95_mm": MM}, ("necrotic", "edema", "enhancing"), "{figure}_{of}"
    ),
}


def told(family: str, metrics: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the figures of the whole, the columns and rows of the classes, and those nobody here knows."""
    logged = LOGGED[family]
    left = {each["name"]: each["value"] for each in metrics}
    whole = [_figure(name, unit, left.pop(name)) for name, unit in logged.whole.items() if name in left]
    rows = []
    for of in logged.classes:
        cells = [
            _figure(figure, unit, left.pop(logged.pattern.format(of=of, figure=figure), None))
            for figure, unit in logged.of_class.items()
        ]
        if any(cell["value"] is not None for cell in cells):
            rows.append({"of": of, "cells": cells})
    others = [_figure(name, PLAIN, value) for name, value in left.items()]
    return {"whole": whole, "columns": list(logged.of_class), "rows": rows, "others": others}


def _figure(name: str, unit: str, value: float | None) -> dict[str, Any]:
    """Return a figure; a share becomes so many per cent."""
    if unit == SHARE:
        unit, value = PER_CENT, None if value is None else 100 * value
    return {"name": name, "unit": unit, "value": value}
