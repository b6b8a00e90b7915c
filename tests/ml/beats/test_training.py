"""Training: the brief's network, epochs that are taken up again, the command line on made records."""

import csv
import json
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml.__main__ import main
from ml.beats.cnn_lstm import build
from ml.beats.learning import Batch, Lesson, Options, learn, predict, read_progress
from ml.beats.protocols import Data, Indices
from ml.beats.training import Run, RunError, read_answers, train, watched
from ml.registry.home import Home
from ml.registry.mlflow_store import MlflowStore

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),  # Keras', of NumPy
    pytest.mark.filterwarnings("ignore:The ``noload`` loader:DeprecationWarning"),  # MLflow's, of SQLAlchemy
    pytest.mark.timeout(900),  # TensorFlow is imported, on a machine that others may use
]

OPTIONS = Options(epochs=3, batch_size=16, learning_rate=1e-2, early_stopping=0, seed=5)


class KilledError(Exception):
    """As if the process had been."""


def tiny() -> Any:
    """Return a small network that draws from chance while it learns."""
    import keras  # noqa: PLC0415 - seconds

    inputs = keras.Input((6,), name="x")
    hidden = keras.layers.Dropout(0.3)(keras.layers.Dense(8, activation="relu")(inputs))
    model = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(hidden))
    loss = "sparse_categorical_crossentropy"
    model.compile(keras.optimizers.Adam(1e-2), loss, weighted_metrics=["accuracy"], run_eagerly=True)
    return model


class Task:
    """Something that can be learnt; a worker of it may be killed at a step."""

    def __init__(self, dies_at: int = -1) -> None:
        generator = np.random.default_rng(3)
        self.x = generator.normal(size=(96, 6)).astype(np.float32)
        self.labels = (self.x[:, 0] > 0).astype(np.int64) + (self.x[:, 1] > 0)
        self.dies_at, self.steps = dies_at, 0

    def __call__(self, places: Indices, generator: np.random.Generator | None) -> Batch:
        self.steps += 1
        if self.steps == self.dies_at:
            raise KilledError
        noise = generator.normal(0, 0.05, (len(places), 6)) if generator else 0
        shown = (self.x[places] + noise).astype(np.float32)
        return {"x": shown}, self.labels[places], np.ones(len(places), np.float32)

    def lesson(self, build: Callable[[], Any], watch: int = 0) -> Lesson:
        """Return it, with so many of the examples to be watched."""
        return Lesson(build, self, np.arange(watch, 96), np.arange(watch))

    def learnt(self, folder: Path, options: Options = OPTIONS, watch: int = 0) -> tuple[Any, Any]:
        """Return the answers of a network that learnt this, and how it went."""
        places = np.arange(96)
        model = learn(self.lesson(tiny, watch), options, folder)
        return predict(model, lambda some: {"x": self.x[some]}, places), read_progress(folder)


def test_a_killed_run_goes_on_to_the_numbers_of_one_that_was_not(tmp_path: Path) -> None:
    from tensorflow.errors import UnknownError  # noqa: PLC0415 - seconds

    whole, history = Task().learnt(tmp_path / "whole")
    with pytest.raises(UnknownError, match="KilledError"):
        Task(dies_at=9).learnt(tmp_path / "killed")  # in the second epoch of six steps
    assert read_progress(tmp_path / "killed").epoch == 1
    resumed, taken_up = Task().learnt(tmp_path / "killed")

    assert taken_up.epoch == history.epoch == 3
    assert [each["loss"] for each in taken_up.history] == [each["loss"] for each in history.history]
    assert (resumed == whole).all()
    other, _ = Task().learnt(tmp_path / "other", replace(OPTIONS, seed=6))
    assert (other != whole).any()


def test_weights_begin_alike_whoever_else_draws_from_pythons_generator(tmp_path: Path) -> None:
    def disturbed() -> Any:
        random.seed(99)  # as the threads of a Dask worker may
        return tiny()

    options = replace(OPTIONS, epochs=0)
    alone = learn(Task().lesson(tiny), options, tmp_path / "alone").get_weights()
    beside = learn(Task().lesson(disturbed), options, tmp_path / "beside").get_weights()

    assert all((one == other).all() for one, other in zip(alone, beside, strict=True))


def test_it_stops_when_what_is_watched_gains_no_more_and_goes_back_to_the_best(tmp_path: Path) -> None:
    task = Task()
    task.labels[:32] = (task.labels[:32] + 1) % 3  # what is watched contradicts what is learnt
    options = replace(OPTIONS, epochs=20, early_stopping=2)
    answers, progress = task.learnt(tmp_path / "run", options, watch=32)

    losses = [each["val_loss"] for each in progress.history]
    assert progress.epoch == progress.best_epoch + 2 < 20
    assert losses[progress.best_epoch - 1] == min(losses)
    again, unchanged = task.learnt(tmp_path / "run", options, watch=32)
    assert unchanged.epoch == progress.epoch
    assert (again == answers).all()
    kept = {path.name for path in (tmp_path / "run").glob("*.keras")}
    assert kept == {f"epoch_{progress.epoch}.keras", f"epoch_{progress.best_epoch}.keras"}


def test_the_network_is_the_briefs() -> None:
    model = build(5, 1e-3)
    kinds = [type(layer).__name__ for layer in model.layers]
    convolutions = [layer for layer in model.layers if type(layer).__name__ == "Conv1D"]
    lstm = model.layers[kinds.index("LSTM")]

    assert model.input_shape == (None, 1000, 1)
    assert kinds == [
        "InputLayer",
        *["Conv1D", "MaxPooling1D"] * 3,
        "LSTM",
        *["Dense", "Dropout"] * 2,
        "Dense",
    ]
    assert [layer.kernel_size for layer in convolutions] == [(21,), (11,), (5,)]
    assert all(layer.activation.__name__ == "relu" and not layer.use_bias for layer in convolutions)
    assert all(layer.pool_size == (2,) for layer in model.layers if type(layer).__name__ == "MaxPooling1D")
    assert (lstm.units, lstm.recurrent_dropout) == (20, 0.2)
    assert [layer.units for layer in model.layers if type(layer).__name__ == "Dense"] == [20, 10, 5]
    assert [layer.rate for layer in model.layers if type(layer).__name__ == "Dropout"] == [0.2, 0.2]
    assert model.layers[-1].activation.__name__ == "softmax"
    assert type(model.optimizer).__name__ == "Adam"
    assert float(model.optimizer.learning_rate) == pytest.approx(1e-3)
    assert model.loss == "sparse_categorical_crossentropy"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give a folder in which a run was trained from the command line."""
    folder = tmp_path_factory.mktemp("site")
    patch = pytest.MonkeyPatch()
    patch.setenv("CHEVET_DATA_DIR", str(folder / "var"))
    patch.delenv("MLFLOW_TRACKING_URI", raising=False)
    status = main(
        ["train", *asked(folder), "--json", str(folder / "figures.json"), "--logdir", str(folder / "logs")]
    )
    assert status == 0
    yield folder
    patch.undo()


def asked(folder: Path, *others: str) -> list[str]:
    return [
        *("beats", "--architecture", "cnn-lstm", "--protocol", "patients", "--synthetic"),
        *("--synthetic_n", "576", "--models-dir", str(folder / "models"), "--fold_k", "2", "--epochs", "1"),
        *others,
    ]


def run_folder(site: Path) -> Path:
    return site / "models/synthetic-576/cnn-lstm-patients"


def test_a_run_keeps_a_model_a_fold_its_figures_its_report_and_logs(site: Path) -> None:
    folder = run_folder(site)
    figures = json.loads((site / "figures.json").read_text(encoding="utf-8"))

    assert {path.name for path in folder.glob("*.keras")} == {"fold_1.keras", "fold_2.keras"}
    assert {"report.md", "report.html", "confusion.png"} <= {
        path.name for path in (folder / "report").iterdir()
    }
    assert list((site / "logs").rglob("events.out.tfevents.*"))
    assert figures["parameters"] | {"fold_k": 2, "epochs": 1, "seed": 42} == figures["parameters"]
    # Each segment was judged once, in the fold that had not seen its patient.
    with np.load(next((site / "models/cache").glob("runs-*.npz"))) as segments:
        assert np.sum(figures["pooled"]["confusion"]) == len(segments["labels"])


def test_mlflow_knows_parameters_figures_data_code_and_files_of_a_run(site: Path) -> None:
    store = MlflowStore(Home(site / "var"))
    run = store.client.search_runs([store.experiment("beats")])[0]

    assert run.info.status == "FINISHED"
    assert run.data.params["batch_size"] == "32"
    assert {"data_hash", "code_version"} <= run.data.params.keys()
    figures = ["accuracy", "macro_f1", "precision", "recall", "PVC_f1", "ece", "latency_per_sample_ms"]
    assert set(figures) <= run.data.metrics.keys()
    assert len(store.client.get_metric_history(run.info.run_id, "fold_1_loss")) == 1
    files = {each.path for each in store.client.list_artifacts(run.info.run_id)}
    assert {"card.md", "signature.json", "report"} <= files


def test_what_is_trained_is_not_trained_again(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    models = [run_folder(site) / f"fold_{fold}.keras" for fold in (1, 2)]
    before = [path.stat().st_mtime_ns for path in models]
    status = main(["evaluate", *asked(site, "--require", "--fold-avg")])

    assert [path.stat().st_mtime_ns for path in models] == before
    printed = capsys.readouterr()
    assert printed.out.startswith("### patients, cnn-lstm")
    # So little was learnt that the aims are missed.
    assert status == 1
    assert "the aim is at least 92" in printed.err


def test_a_report_can_be_written_anew_with_a_users_template(site: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine.md"
    mine.write_text("Accuracy {{ evaluation.pooled.accuracy }}\n", encoding="utf-8")
    arguments = [*asked(site)[1:], "--output", str(tmp_path / "out"), "--template", str(mine)]

    assert main(["report", *arguments]) == 0
    assert (tmp_path / "out/report.md").read_text(encoding="utf-8").startswith("Accuracy ")
    assert (tmp_path / "out/classification_report.csv").exists()


def test_a_folder_takes_no_run_with_other_parameters(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", *asked(site, "--lr", "0.1", "--seed", "7")]) == 2
    assert "holds a run with other learning_rate, seed" in capsys.readouterr().err


def test_a_report_tells_the_parameters_that_a_run_was_trained_with(site: Path) -> None:
    asked_for_others = run(site, options=OPTIONS, fold_k=5)

    assert read_answers(asked_for_others).parameters["epochs"] == 1
    assert read_answers(asked_for_others).parameters["fold_k"] == 2


def test_one_fold_is_too_few(site: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="two folds or more"):
        train(run(site, fold_k=1, folder=tmp_path))


def test_without_data_the_option_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "beats", "--models-dir", str(tmp_path)]) == 2
    assert "--data-dir" in capsys.readouterr().err


def test_a_folds_model_answers_for_a_recording(
    site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = site / "models/synthetic-576/103"
    arguments = ["--input", str(record), "--model", str(run_folder(site) / "fold_1.keras")]
    table, picture = tmp_path / "beats.csv", tmp_path / "beats.png"
    status = main(["predict", "beats", *arguments, "--output_csv", str(table), "--output-fig", str(picture)])

    rows = list(csv.DictReader(table.read_text(encoding="utf-8").splitlines()))
    assert status == 0
    assert len(rows) == 12
    assert {row["class"] for row in rows} <= {"Normal", "LBBB", "RBBB", "APB", "PVC"}
    assert all(
        sum(float(row[name]) for name in ("Normal", "LBBB", "RBBB", "APB", "PVC")) > 0.99 for row in rows
    )
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "This is not a diagnosis." in capsys.readouterr().out


def run(site: Path, **changes: Any) -> Run:
    options = Options(1, 32, 1e-3, 4, 42)
    data = site / "models/synthetic-576"
    made = Run("cnn-lstm", "patients", 2, options, Data(data), site / "models/cache", run_folder(site))
    return replace(made, **changes)


def test_patients_that_say_when_to_stop_are_none_that_are_learnt_from(site: Path) -> None:
    answers = read_answers(run(site))
    segments = answers.segments
    train_places = np.flatnonzero(segments.patients() != "100")
    learnt, watch = watched(run(site), segments, train_places)

    assert set(learnt) | set(watch) == set(train_places)
    assert not set(segments.patients()[learnt]) & set(segments.patients()[watch])
    assert len(watched(run(site, options=OPTIONS), segments, train_places)[1]) == 0


def test_an_unfinished_run_is_not_judged(site: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="holds no run"):
        read_answers(run(site, folder=tmp_path))
    shutil.copy(run_folder(site) / "run.json", tmp_path)
    shutil.copy(run_folder(site) / "fold_1.npz", tmp_path)
    with pytest.raises(RunError, match="fold 2 of 2 is not trained yet"):
        read_answers(run(site, folder=tmp_path))


def test_a_cluster_gives_the_numbers_of_one_process(site: Path, tmp_path: Path) -> None:
    """A worker in this process: others would import TensorFlow again. Work and arguments are the same."""
    from distributed import LocalCluster  # noqa: PLC0415 - seconds

    options = Options(1, 32, 1e-3, 0, 42)  # as the site's
    with LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None, protocol="tcp"
    ) as cluster:
        train(run(site, options=options, folder=tmp_path / "there"), cluster=cluster.scheduler_address)

    here = read_answers(run(site, options=options))
    there = read_answers(run(site, options=options, folder=tmp_path / "there"))
    assert (here.probabilities == there.probabilities).all()
    assert here.histories == there.histories
