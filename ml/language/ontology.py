"""The ECG concepts a text is read into, and reading them from their file."""

import hashlib
import json
from collections.abc import Iterable
from functools import cached_property
from itertools import chain, islice
from pathlib import Path

from ml.language.checking import MOST_FAULTS, Fault, OntologyError, climb, duplicates, faults_of
from ml.language.completion import Completion
from ml.language.concepts import Category, Concept, Kind, MeasuredRange, Severity
from ml.language.documents import ontology_document, parsed, read_concepts
from ml.language.types import Language

__all__ = [
    "Category",
    "Concept",
    "Fault",
    "Kind",
    "MeasuredRange",
    "Ontology",
    "OntologyError",
    "Severity",
    "load_ontology",
]

LARGEST_NUMBER = 2**31 - 1
DEFAULT_PATH = Path(__file__).parent / "data" / "ontology.json"


class Ontology:
    """A sound set of concepts. Building one from an unsound set raises `OntologyError`.

    Parameters
    ----------
    concepts
        All of them; their order is the order they are listed in.
    number
        The edition an expert gave them. With a hash of the contents it makes `version`.
    """

    def __init__(self, concepts: Iterable[Concept], *, number: int = 1) -> None:
        listed = tuple(concepts)
        self._concepts = {concept.id: concept for concept in listed}
        found = chain(duplicates(listed), faults_of(self._concepts))
        faults = list(islice(found, MOST_FAULTS))
        if faults:
            raise OntologyError(faults)
        document = ontology_document(listed, number)
        self.number = number
        self.version = f"{number}-{hashlib.sha256(json.dumps(document).encode()).hexdigest()[:12]}"

    @property
    def concepts(self) -> tuple[Concept, ...]:
        """Return every concept, in the file's order."""
        return tuple(self._concepts.values())

    def __contains__(self, concept_id: object) -> bool:
        return concept_id in self._concepts

    def concept(self, concept_id: str) -> Concept:
        """Return one concept; KeyError if there is none of that identifier."""
        return self._concepts[concept_id]

    def ancestors(self, concept_id: str) -> dict[str, int]:
        """Return every more general concept with its distance in steps, nearest first."""
        return self._ancestors[concept_id]

    def children(self, concept_id: str) -> tuple[str, ...]:
        """Return the concepts one step more specific, in the file's order."""
        return tuple(each.id for each in self.concepts if concept_id in each.parents)

    def lineage(self, concept_id: str) -> tuple[str, ...]:
        """Return a concept and every more general one, nearest first."""
        return (concept_id, *self._ancestors[concept_id])

    def most_specific(self, concepts: Iterable[str]) -> list[str]:
        """Return, each once and in their order, those of which no other is a more specific one."""
        listed = list(dict.fromkeys(concepts))
        general = {up for each in listed for up in self._ancestors[each]}
        return [each for each in listed if each not in general]

    def denied_by(self, concept_id: str) -> str | None:
        """Return the concept whose absence this one states, if it is such a one."""
        return self._denials.get(concept_id)

    def within(self, concept_id: str, general: str) -> bool:
        """Say whether a concept is another one or a more specific one."""
        return concept_id == general or general in self._ancestors[concept_id]

    def related(self, one: str, other: str) -> bool:
        """Say whether one of two concepts is the other or a more specific one."""
        return self.within(one, other) or self.within(other, one)

    def exclude_each_other(self, one: str, other: str) -> bool:
        """Say whether two concepts cannot both be true, by themselves or through their ancestors."""
        theirs = set(self.lineage(other))
        return any(theirs.intersection(self._concepts[each].excludes) for each in self.lineage(one))

    def search(self, text: str, language: Language = "fr", limit: int = 10) -> tuple[Concept, ...]:
        """Complete what someone is typing.

        Accents, case, word order, missing word endings and small typos do not matter; both languages
        are searched, the asked one first.

        Parameters
        ----------
        text
            What was typed so far; blank finds nothing.
        limit
            Most concepts to return, best first.
        """
        return tuple(self._concepts[found] for found in self._completions[language].search(text, limit))

    @cached_property
    def _completions(self) -> dict[Language, Completion]:
        return {"fr": self._completion("fr", "en"), "en": self._completion("en", "fr")}

    def _completion(self, first: Language, second: Language) -> Completion:
        names = [(each.id, (each.names(first), each.names(second))) for each in self.concepts]
        return Completion(names)

    @cached_property
    def _denials(self) -> dict[str, str]:
        return {each.absence: each.id for each in self.concepts if each.absence}

    @cached_property
    def _ancestors(self) -> dict[str, dict[str, int]]:
        return {each: dict(climb(self._concepts, each)) for each in self._concepts}


def load_ontology(path: Path | None = None) -> Ontology:
    """Read an ontology file, by default the project's own.

    Raises
    ------
    OntologyError
        With every fault found, when the file is not JSON, misses something or contradicts itself.
    """
    return ontology_of(parsed((path or DEFAULT_PATH).read_bytes()))


def ontology_of(content: object) -> Ontology:
    """Return the ontology a parsed file describes.

    Raises
    ------
    OntologyError
        With every fault found.
    """
    if not isinstance(content, dict) or not isinstance(content.get("concepts"), dict):
        raise OntologyError([Fault("file", "no_concepts")])
    faults: list[Fault] = []
    concepts = read_concepts(content["concepts"], faults)
    number = content.get("version", 1)
    if type(number) is not int or not 1 <= number <= LARGEST_NUMBER:
        faults.append(Fault("version", "bad_version"))
    if faults:
        found = faults_of({each.id: each for each in concepts})
        raise OntologyError([*faults, *islice(found, MOST_FAULTS)])
    return Ontology(concepts, number=number)
