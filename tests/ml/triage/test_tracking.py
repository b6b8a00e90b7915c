"""From the command that trains to the champion that answers, by way of MLflow."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ml.__main__ import main
from ml.registry.home import Home, Names, NameUnusableError
from ml.registry.mlflow_store import MlflowStore

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # MLflow's, of SQLAlchemy
    pytest.mark.timeout(300),  # MLflow is imported
]
QUICK = ("--n-estimators", "5", "--max-depth", "2")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("site")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHEVET_DATA_DIR", str(folder))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        yield folder


@pytest.fixture(scope="module")
def trained(site: Path, visits_file: Path) -> Path:
    folder = site / "made" / "model"
    folder.parent.mkdir()
    command = ["train", "triage", "--data", str(visits_file), "--output", str(folder), *QUICK]
    assert main([*command, "--run-name", "first try", "--json", str(site / "figures.json")]) == 0
    return folder


@pytest.fixture(scope="module")
def run(site: Path, trained: Path) -> Any:
    assert trained.exists()
    store = MlflowStore(Home(site))
    (found,) = store.client.search_runs([store.experiment("triage")])
    return found


def test_a_run_has_the_figures_the_data_the_code_and_the_files(site: Path, trained: Path, run: Any) -> None:
    manifest = json.loads((trained / "manifest.json").read_bytes())
    assert run.info.run_name == "first try"
    assert run.info.status == "FINISHED"
    assert set(run.data.metrics) >= {
        *("accuracy", "f1_macro", "precision_macro", "recall_macro", "cv_accuracy_mean"),
        *("latency_per_sample_ms", "emergencies_missed", "over_triage", "weighted_kappa"),
    }
    assert run.data.metrics == pytest.approx(manifest["metrics"])
    assert run.data.params["n_estimators"] == "5"
    assert run.data.params["data_hash"] == run.data.tags["data_hash"] == manifest["data_hash"]
    assert run.data.params["code_version"] == manifest["code_version"]
    client = MlflowStore(Home(site)).client
    files = {
        each.path
        for folder in (None, "model", "preprocessor", "config")
        for each in client.list_artifacts(run.info.run_id, folder)
        if not each.is_dir
    }
    assert files >= {
        *("model/model.json", "model/manifest.json", "preprocessor/preprocessor.json"),
        *("config/feature_config.json", "confusion_matrix.png", "card.md"),
    }
    figures = json.loads((site / "figures.json").read_text(encoding="utf-8"))
    assert figures["cv_accuracy_mean"] == run.data.metrics["cv_accuracy_mean"]


def test_experiment_and_model_have_the_names_that_others_know_unless_told_otherwise(tmp_path: Path) -> None:
    assert Home(tmp_path).names("triage") == Names("medtriage-classification", "triage-classifier")
    assert Home(tmp_path).names("beats") == Names("beats", "beats")
    told = {"CHEVET_TRIAGE_EXPERIMENT": "triage CHU", "CHEVET_TRIAGE_MODEL": "triage-chu"}
    home = Home.of_environment(told, tmp_path)
    assert home.names("triage") == Names("triage CHU", "triage-chu")
    assert Home.of_environment(home.environment()).triage == home.triage
    with pytest.raises(NameUnusableError, match="no name"):
        Home.of_environment({"CHEVET_TRIAGE_MODEL": "x' OR '1'='1"})


def test_a_trained_model_is_registered_in_its_run_promoted_judged_and_asked(
    site: Path, trained: Path, run: Any, visits_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    registered = ["registry", "register", str(trained), "--run-id", run.info.run_id, "--alias", "champion"]
    assert main([*registered, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["family"] == "triage"
    store = MlflowStore(Home(site))
    assert store.client.get_registered_model("triage-classifier").aliases == {"champion": 1}
    (version,) = store.versions("triage")
    assert version.run == run.info.run_id

    figures = site / "judged.json"
    judge = ["evaluate", "triage", "--data", str(visits_file), "--model", "champion", "--json", str(figures)]
    assert main([*judge, "--require"]) == 1  # five trees
    told = capsys.readouterr()
    assert "aims: decision missed < 5%" in told.out
    assert "it has learnt from these very visits" in told.err
    assert "aim" in told.err
    assert json.loads(figures.read_text(encoding="utf-8"))["visits"] == 150

    asked = site / "asked.csv"
    asked.write_text("age,motif_consultation\n62,douleur thoracique\n", encoding="utf-8")
    assert main(["predict", "triage", "--input", str(asked), "--model", "champion"]) == 0
    assert json.loads(capsys.readouterr().out)["mlAvailable"] is True


def test_a_folder_that_is_there_or_a_version_of_another_family_is_named(
    trained: Path, visits_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.support.models import write_toy  # noqa: PLC0415 - brings ONNX

    beats = write_toy(tmp_path / "beats")
    judge = ["evaluate", "triage", "--data", str(visits_file), "--model"]
    assert main([*judge, str(beats.folder)]) == 2
    assert "a version of beats, not of triage" in capsys.readouterr().err
    assert main([*judge, str(tmp_path)]) == 2
    assert "manifest.json is missing" in capsys.readouterr().err
    assert main(["train", "triage", "--data", str(visits_file), "--output", str(trained), *QUICK]) == 2
    assert "is there already" in capsys.readouterr().err


def test_what_is_kept_of_readers_is_learnt_from_unless_it_is_left_out_or_too_little(
    visits_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CHEVET_DATA_DIR", str(tmp_path / "home"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    kept = tmp_path / "home" / "feedback" / "triage.jsonl"
    kept.parent.mkdir(parents=True)
    opinion = {"family": "triage", "label": "2", "values": {"age": 91.0}, "complaint": "fatigue"}
    written = [json.dumps(opinion | {"reader": reader}) for reader in ("a", "b", "c")]
    kept.write_text("\n".join(written), encoding="utf-8")

    def opinions(name: str, *more: str) -> Any:
        command = ["train", "triage", "--data", str(visits_file), "--output", str(tmp_path / name), *QUICK]
        assert main([*command, *more]) == 0
        manifest = json.loads((tmp_path / name / "manifest.json").read_bytes())
        return manifest["settings"].get("feedback_opinions")

    assert opinions("by-default", "--min-feedback", "3") == 3
    assert "learning from 3 opinions" in capsys.readouterr().err
    assert opinions("without", "--no-feedback", "--min-feedback", "3") is None
    assert "opinions" not in capsys.readouterr().err
    assert opinions("too-few") is None
    assert "3 opinions, at least 50 are needed: left out" in capsys.readouterr().err
