"""The real scale, a small file of visits and a model learnt from it, made once."""

from pathlib import Path

import pytest

from ml.registry.artefact import Artefact
from ml.triage.dataset import Dataset, load
from ml.triage.evaluation import Report, score
from ml.triage.learning import Learnt
from ml.triage.packaging import package
from ml.triage.scale import Scale, french
from tests.support.triage import quickly_learnt, written


@pytest.fixture(scope="session")
def scale() -> Scale:
    return french()


@pytest.fixture(scope="session")
def visits_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("triage"))


@pytest.fixture(scope="session")
def visits(visits_file: Path) -> Dataset:
    return load(visits_file)


@pytest.fixture(scope="session")
def learnt(visits: Dataset) -> Learnt:
    return quickly_learnt(visits)


@pytest.fixture(scope="session")
def report(learnt: Learnt, visits: Dataset) -> Report:
    return score(visits, learnt.model)


@pytest.fixture(scope="session")
def artefact(
    learnt: Learnt, visits: Dataset, report: Report, tmp_path_factory: pytest.TempPathFactory
) -> Artefact:
    return package(learnt, visits, report, tmp_path_factory.mktemp("artefact") / "triage")
