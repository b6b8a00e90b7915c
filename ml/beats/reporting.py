"""The report of a run: Markdown and HTML from templates that may be replaced, figures, and a table."""

import csv
import json
from collections.abc import Mapping
from pathlib import Path

import jinja2.sandbox
import numpy as np

from ml.beats.drawing import draw_calibration, draw_examples, draw_histories
from ml.beats.evaluation import Evaluation
from ml.beats.metrics import MEASURES, Figures
from ml.beats.training import Answers
from ml.drawing import draw_confusion
from ml.judging.calibration import curve

TEMPLATES = Path(__file__).parent / "templates"


def write_report(
    evaluation: Evaluation, answers: Answers, folder: Path, template: Path | None = None
) -> list[Path]:
    """Write the report of a run into a folder and return its files.

    Parameters
    ----------
    evaluation : Evaluation
        The figures.
    answers : Answers
        What they were counted from.
    folder : Path
        Made if it is not there.
    template : Path, optional
        A Jinja template in place of the report's own of the same ending (`.md` or `.html`). It is given
        `evaluation` and the names of the pictures.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names = _draw(evaluation, answers, folder)
    for ending in (".md", ".html"):
        source = template if template and template.suffix == ending else TEMPLATES / f"report{ending}"
        environment = jinja2.sandbox.SandboxedEnvironment(
            autoescape=ending == ".html", undefined=jinja2.StrictUndefined, keep_trailing_newline=True
        )
        text = environment.from_string(source.read_text(encoding="utf-8")).render(
            evaluation=evaluation, **names
        )
        (folder / f"report{ending}").write_text(text, encoding="utf-8")
    _write_table(evaluation.pooled, folder / "classification_report.csv")
    (folder / "figures.json").write_text(json.dumps(evaluation.figures(), indent=2) + "\n", encoding="utf-8")
    return sorted(path for path in folder.iterdir() if path.is_file())


def _draw(evaluation: Evaluation, answers: Answers, folder: Path) -> Mapping[str, str]:
    """Draw the pictures and return their names by what the templates call them; empty where there is none."""
    names = {
        "confusion": "confusion.png",
        "fold_confusion": "confusion_folds.png",
        "examples": "examples.png",
        "calibration": "calibration.png" if evaluation.calibration else "",
        "curves": "curves.png" if any(evaluation.histories) else "",
    }
    draw_confusion({"all": evaluation.pooled}, folder / names["confusion"])
    draw_confusion(evaluation.parts, folder / names["fold_confusion"])
    draw_examples(answers.segments, folder / names["examples"], seed=0)
    if evaluation.calibration:
        right = answers.probabilities.argmax(axis=1) == answers.segments.labels[answers.places]
        curves = {
            "as trained": curve(answers.probabilities.max(axis=1), np.asarray(right)),
            "calibrated": evaluation.calibration.curve,
        }
        draw_calibration(curves, folder / names["calibration"])
    if names["curves"]:
        draw_histories(evaluation.histories, folder / names["curves"])
    return names


def _write_table(pooled: Figures, path: Path) -> None:
    """Write the classification report, in percent."""
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["class", *MEASURES, "support"])
        for name, each in pooled.by_class.items():
            table.writerow([name, *(f"{getattr(each, column):.4f}" for column in MEASURES), each.support])
        macro = [f"{pooled.macro(column):.4f}" for column in MEASURES]
        table.writerow(["macro", *macro, int(pooled.counts.sum())])
        table.writerow(["accuracy", f"{pooled.accuracy:.4f}", "", "", "", int(pooled.counts.sum())])
