"""Evaluations of runs whose answers are given, and of a served model on annotated records."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import wfdb

from ml.beats.classes import AAMI_CLASSES, PRODUCT_CLASSES
from ml.beats.evaluation import Aim, Evaluation, evaluate
from ml.beats.external import evaluate_external
from ml.beats.recipes import recipe
from ml.beats.reporting import write_report
from ml.beats.segments import Segments
from ml.beats.synthetic import write_synthetic
from ml.beats.training import Answers
from ml.ecg.annotated import RecordError
from ml.judging.learnt import LEARNT, of_record, write_learnt
from ml.registry.artefact import with_file
from tests.support import models

N = 400


@pytest.fixture(scope="module")
def answers() -> Answers:
    """Answers that are right in 9 of 10 cases, each class from four patients, in two folds by patient."""
    generator = np.random.default_rng(5)
    labels = np.tile(np.arange(5), N // 5)
    records = np.repeat([str(100 + place) for place in range(4)], N // 4)
    samples = generator.normal(size=(N, 1000)).astype(np.float32)
    places = np.arange(N)
    segments = Segments(samples, labels, records, places, places, PRODUCT_CLASSES, "hash of data")
    probabilities = np.full((N, 5), 0.05, np.float32)
    called = np.where(generator.random(N) < 0.9, labels, (labels + 1) % 5)
    probabilities[places, called] = 0.8
    folds = np.repeat([1, 2], N // 2)
    history = [
        {"loss": 1.0, "val_loss": 1.1, "accuracy": 0.5},
        {"loss": 0.5, "val_loss": 0.7, "accuracy": 0.8},
    ]
    parameters = {"architecture": "cnn-lstm", "protocol": "patients", "seed": 1}
    return Answers(segments, places, folds, probabilities, [history, history], parameters, 0.2)


@pytest.fixture(scope="module")
def evaluation(answers: Answers) -> Evaluation:
    return evaluate(answers)


def test_databases_that_were_learnt_from_besides_are_named(answers: Answers) -> None:
    assert "learnt_from" not in evaluate(answers).parameters
    records = answers.segments.records.astype("<U8")
    records[:8] = "svdb-800"
    judged = answers.places[8:]
    others = replace(
        answers,
        segments=replace(answers.segments, records=records),
        places=judged,
        folds=answers.folds[8:],
        probabilities=answers.probabilities[8:],
    )
    assert evaluate(others).parameters["learnt_from"] == "mitdb, svdb"


def test_all_answers_count_together_and_each_fold_by_itself(answers: Answers, evaluation: Evaluation) -> None:
    right = answers.probabilities.argmax(axis=1) == answers.segments.labels

    assert evaluation.pooled.accuracy == pytest.approx(100 * right.mean())
    by_fold = [100 * right[:200].mean(), 100 * right[200:].mean()]
    assert [part.accuracy for part in evaluation.parts.values()] == pytest.approx(by_fold)
    mean, deviation = evaluation.spread("accuracy")
    assert mean == pytest.approx(np.mean(by_fold))
    assert deviation == pytest.approx(abs(by_fold[0] - by_fold[1]) / 2**0.5)
    assert evaluation.latency_per_sample_ms == pytest.approx(0.5)


def test_a_record_with_most_of_a_class_does_not_decide_the_average_over_records(answers: Answers) -> None:
    """By hand: of 100 and 10 beats of APB the 100 are missed; another record has a beat wrongly called so."""
    labels = np.repeat([3, 3, 0, 0], 100)
    labels[100:190] = 0
    called = np.zeros(N, np.int64)
    called[190:200], called[200] = 3, 3
    records = np.repeat(["232", "209", "100", "101"], 100)
    segments = replace(answers.segments, labels=labels, records=records)
    parameters = dict(answers.parameters) | {"protocol": "oh2018"}
    said = np.eye(5, dtype=np.float32)[called]
    judged = evaluate(replace(answers, segments=segments, probabilities=said, parameters=parameters))

    gross, average = judged.pooled.by_class["APB"], judged.averages()["APB"]
    assert [gross.sensitivity, gross.ppv] == pytest.approx([100 * 10 / 110, 100 * 10 / 11])
    assert (average.sensitivity, average.having) == (50, 2), "0 of 232, all of 209"
    assert (average.ppv, average.calling) == (50, 2), "all of 209, 0 of 100"
    assert "| 50.0 of 2 | 50.0 of 2 |" in judged.markdown()


def test_figures_may_be_means_over_the_folds(answers: Answers, evaluation: Evaluation) -> None:
    averaged = evaluate(replace(answers, folds=np.repeat([1, 2], [300, 100])), fold_avg=True)

    assert averaged.metrics()["accuracy"] == pytest.approx(averaged.spread("accuracy")[0])
    assert averaged.metrics()["accuracy"] != pytest.approx(evaluation.metrics()["accuracy"], abs=1e-6)


def test_an_aim_that_is_missed_is_told_with_its_figure(evaluation: Evaluation) -> None:
    aims = {aim.name: aim for aim in evaluation.aims()}

    assert set(aims) == {"accuracy", "calibration error", "coverage"}
    assert not aims["accuracy"].reached
    assert any(fault.startswith("accuracy is 8") or "accuracy is 9" in fault for fault in evaluation.faults())
    assert Aim("coverage", 0.9, 0.88, 0.92).reached
    assert not Aim("coverage", 0.95, 0.88, 0.92).reached
    assert "at least 0.88 and at most 0.92" in str(Aim("coverage", 0.95, 0.88, 0.92))


@pytest.mark.parametrize("protocol", ["oh2018", "interpatient", "external"])
def test_every_protocol_has_its_own_aims(answers: Answers, protocol: str) -> None:
    segments = answers.segments if protocol == "oh2018" else replace(answers.segments, classes=AAMI_CLASSES)
    judged = evaluate(
        replace(answers, segments=segments, parameters=dict(answers.parameters) | {"protocol": protocol})
    )

    expected = {
        "oh2018": [("accuracy", 98.5), ("macro sensitivity", 97)],
        "interpatient": [("V F1", 95), ("S F1", 77)],
        "external": [("V F1", 85), ("S F1", 55)],
    }
    assert [(aim.name, aim.low) for aim in judged.aims()] == expected[protocol]
    assert judged.calibration is None


def test_a_report_has_text_pictures_and_a_table(
    answers: Answers, evaluation: Evaluation, tmp_path: Path
) -> None:
    files = {path.name: path for path in write_report(evaluation, answers, tmp_path)}

    pictures = {"confusion.png", "confusion_folds.png", "calibration.png", "curves.png", "examples.png"}
    assert set(files) == pictures | {"report.md", "report.html", "classification_report.csv", "figures.json"}
    assert all(files[name].read_bytes().startswith(b"\x89PNG") for name in pictures)
    for name in ("report.md", "report.html"):
        text = files[name].read_text(encoding="utf-8")
        assert f"{evaluation.pooled.by_class['APB'].sensitivity:.2f}" in text
        assert "{:.2f} ± {:.2f}".format(*evaluation.spread("f1")) in text
        assert all(picture in text for picture in pictures)
    table = files["classification_report.csv"].read_text(encoding="utf-8").splitlines()
    assert table[0] == "class,sensitivity,specificity,ppv,f1,support"
    assert [line.split(",")[0] for line in table[1:]] == [*PRODUCT_CLASSES, "macro", "accuracy"]
    assert json.loads(files["figures.json"].read_text(encoding="utf-8"))["protocol"] == "patients"


def test_a_users_own_template_takes_the_place_of_one(
    answers: Answers, evaluation: Evaluation, tmp_path: Path
) -> None:
    mine = tmp_path / "mine.html"
    mine.write_text("<p>{{ evaluation.parameters.architecture }} &amp; {{ confusion }}</p>", encoding="utf-8")
    write_report(evaluation, answers, tmp_path / "report", mine)

    assert (tmp_path / "report/report.html").read_text(
        encoding="utf-8"
    ) == "<p>cnn-lstm &amp; confusion.png</p>"
    assert "| class |" in (tmp_path / "report/report.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def other_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two records of another machine: 128 Hz, one with one lead."""
    folder = tmp_path_factory.mktemp("other")
    write_synthetic(folder / "made", 600, 1)
    for name in ("100", "101"):
        record = wfdb.rdrecord(str(folder / "made" / name))
        annotation = wfdb.rdann(str(folder / "made" / name), "atr")
        leads = 1 if name == "101" else 2
        wfdb.wrsamp(
            name,
            fs=128,
            units=["mV"] * leads,
            sig_name=record.sig_name[:leads],
            p_signal=np.asarray(record.p_signal[::3, :leads][: int(len(record.p_signal) * 128 / 360)]),
            fmt=["16"] * leads,
            write_dir=str(folder),
        )
        positions = np.round(annotation.sample * 128 / 360).astype(np.int64)
        kept = positions < len(record.p_signal) * 128 // 360 - 1
        wfdb.wrann(
            name, "atr", positions[kept], np.asarray(annotation.symbol)[kept].tolist(), write_dir=str(folder)
        )
    return folder


def test_a_served_model_is_judged_on_records_of_any_rate_with_one_lead_or_two(
    other_database: Path, tmp_path: Path
) -> None:
    seen: list[str] = []
    artefact = models.write_toy(tmp_path / "toy")
    judged = evaluate_external(artefact, other_database, progress=seen.append)

    assert seen == ["100", "101"]
    assert list(judged.parts) == ["100", "101"]
    annotated = sum(len(wfdb.rdann(str(other_database / name), "atr").sample) for name in seen)
    assert judged.pooled.counts.sum() == annotated
    # What the product says is N, S or V; nothing it says is F or Q.
    assert judged.pooled.classes == AAMI_CLASSES
    assert judged.pooled.counts[:, 3:].sum() == 0
    assert judged.parameters["model"] == artefact.digest
    assert judged.latency_per_sample_ms > 0


def test_what_a_version_has_learnt_from_does_not_judge_it(other_database: Path, tmp_path: Path) -> None:
    learnt = of_record(other_database / "100.dat")
    artefact = with_file(models.write_toy(tmp_path / "toy"), LEARNT, write_learnt([learnt]))
    assert list(evaluate_external(artefact, other_database).parts) == ["101"]

    both = write_learnt(of_record(other_database / f"{name}.dat") for name in ("100", "101"))
    with pytest.raises(RecordError, match="has learnt from every record"):
        evaluate_external(with_file(models.write_toy(tmp_path / "both"), LEARNT, both), other_database)


def test_a_folder_without_annotated_records_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="no record with annotations"):
        evaluate_external(models.write_toy(tmp_path / "toy"), tmp_path)


@pytest.mark.parametrize("architecture", ["cnn-lstm", "best"])
@pytest.mark.parametrize("protocol", ["oh2018", "patients", "interpatient", "development", "champion"])
def test_every_run_has_its_recipe(architecture: str, protocol: str) -> None:
    made = recipe(architecture, protocol)  # type: ignore[arg-type] # a parameter of the test

    assert made.options.epochs > 0
    assert made.fold_k == 1 or protocol != "interpatient"
