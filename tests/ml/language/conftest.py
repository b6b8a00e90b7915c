"""The real ontology and the real matcher, built once."""

import pytest

from ml.language.matching import EmbeddedMatcher
from ml.language.ontology import Ontology
from tests.support.language import the_matcher, the_ontology


@pytest.fixture(scope="session")
def ontology() -> Ontology:
    return the_ontology()


@pytest.fixture(scope="session")
def matcher() -> EmbeddedMatcher:
    return the_matcher()
