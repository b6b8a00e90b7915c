"""The real ontologies and what reads texts with them: a second's work, done once in a test process."""

from functools import cache
from pathlib import Path

from ml.language.batch import AnswerReader, answer_reader
from ml.language.matching import EmbeddedMatcher
from ml.language.ontology import Ontology, load_ontology


@cache
def the_ontology() -> Ontology:
    """Return the product's ontology."""
    return load_ontology()


@cache
def the_matcher() -> EmbeddedMatcher:
    """Return the rules over the product's ontology."""
    return EmbeddedMatcher(the_ontology())


@cache
def the_reader(ontology: Path | None = None) -> AnswerReader:
    """Return what reads answers with an ontology, the product's unless told otherwise."""
    return answer_reader(ontology)
