"""Authors of the tests, at work on their cases through the services."""

from collections.abc import Callable
from typing import Any

from sqlmodel import Session

from ml.ecg.decoding import Decoded
from schema.models.cases import Case, CaseCategory, Difficulty
from schema.pagination import PageRequest
from schema.policy import Actor
from schema.services.annotations import Annotations, NewAnnotation
from schema.services.cases import CaseFilter, Cases, CaseSort
from schema.services.intake import StoredFile
from schema.services.recordings import Recordings
from tests.schema.conftest import World

PICTURE = Decoded("image", "image/png", b"", b"", "image/png", b"", width=800, height=600)
STORED = [StoredFile(PICTURE, "a" * 64, "b" * 64, "c" * 64)]


class Author:
    """One author at work: each call is a transaction of its own."""

    def __init__(self, world: World, actor: Actor) -> None:
        self.world = world
        self.actor = actor

    def do(self, work: Callable[[Cases], Any]) -> Any:
        """Change something through `Cases`."""
        with self.world.database.write() as session:
            return work(self.cases(session))

    def cases(self, session: Session) -> Cases:
        return Cases(session, self.actor, self.world.clock, self.world.services.ontology)

    def record(self, work: Callable[[Recordings], Case]) -> Case:
        """Change something through `Recordings`."""
        with self.world.database.write() as session:
            return work(Recordings(session, self.cases(session), self.world.clock))

    def annotate(self, work: Callable[[Annotations], Case]) -> Case:
        """Change something through `Annotations`."""
        with self.world.database.write() as session:
            ontology = self.world.services.ontology
            return work(Annotations(session, self.cases(session), self.world.clock, ontology))

    def draft(self, name: str = "Mobitz 1", **fields: Any) -> int:
        """Begin a case and return its key."""
        made = self.do(
            lambda cases: cases.create(
                name,
                fields.get("category", CaseCategory.OTHER),
                fields.get("difficulty", Difficulty.BEGINNER),
                fields.get("description", ""),
            )
        )
        return int(made.id)

    def complete(self, name: str = "Mobitz 1") -> int:
        """Begin a case that could be validated and return its key."""
        key = self.draft(name)
        self.record(lambda recordings: recordings.add(key, STORED))
        self.annotate(lambda annotations: annotations.add(key, [NewAnnotation(self.codes()[0])]))
        return key

    def validated(self, name: str = "Mobitz 1") -> int:
        """Validate a new case and return its key."""
        key = self.complete(name)
        self.do(lambda cases: cases.validate(key, 3))
        return key

    def codes(self) -> list[str]:
        return [concept.id for concept in self.world.services.ontology.concepts]

    def listed(self, chosen: CaseFilter = CaseFilter(), sort: CaseSort = CaseSort.CREATED_AT) -> list[str]:  # noqa: B008
        """Return the names of the cases this author sees."""
        with self.world.database.read() as session:
            page = self.cases(session).page(chosen, sort, PageRequest(100), descending=False)
            return [row.name for row in page.rows]
