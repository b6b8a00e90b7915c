"""The real ontology and the real matcher, built once."""

import pytest

from ml.language.matching import EmbeddedMatcher
from ml.language.ontology import Ontology, load_ontology


@pytest.fixture(scope="session")
def ontology() -> Ontology:
    return load_ontology()


@pytest.fixture(scope="session")
def matcher(ontology: Ontology) -> EmbeddedMatcher:
    return EmbeddedMatcher(ontology)
