import io
import json
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from ml.language.checking import Fault, OntologyError
from ml.language.concepts import Category, Concept, Kind, MeasuredRange
from ml.language.documents import ontology_document
from ml.language.editing import changed, removing
from ml.language.grading import KeyItem
from ml.language.importing import Imported
from ml.language.ontology import Ontology
from schema.database import Database
from schema.errors import ConflictError, NotAllowedError, NotFoundError, ValidationFailedError
from schema.models import ontologies as rows
from schema.models.accounts import AuditEvent
from schema.models.training import SessionDifficulty, TrainingSession
from schema.pagination import PageRequest
from schema.policy import Actor, Role
from schema.services.annotations import NewAnnotation
from schema.services.answers import Draft
from schema.services.concept_drafts import ConceptDraft
from schema.services.editions import latest_ontology, shipped_line, take_up
from schema.services.grading import Key
from schema.services.ontologies import Ontologies
from schema.services.ontology_files import read_upload
from schema.services.sessions import SessionFields, Sessions
from schema.services.shelf import Matchers, Shelf
from tests.schema.authors import STORED, Author
from tests.schema.conftest import World
from tests.support.language import the_ontology

LLAMA = ConceptDraft(
    label_fr="Signe du lama",
    label_en="Llama sign",
    category=Category.MORPHOLOGY,
    kind=Kind.SIGN,
    synonyms_fr=("cou de lama",),
)


class Experts:
    """One expert at work: each call is a transaction of its own, and this process takes it up at once."""

    def __init__(self, world: World, actor: Actor) -> None:
        self.world = world
        self.actor = actor

    def do(self, work: Callable[[Ontologies], Any]) -> Any:
        shelf = self.world.services.shelf
        with self.world.database.write() as session:
            done = work(Ontologies(session, self.actor, self.world.clock, shelf.shipped))
        shelf.refresh(at_once=True)
        return done

    def draft(self, code: str, **fields: object) -> ConceptDraft:
        """Return a concept as it stands, with some fields changed."""
        now = self.ontology.concept(code)
        draft = ConceptDraft(
            **{name: getattr(now, name) for name in ConceptDraft.__slots__ if name != "codes"},
            codes=list(now.codes.items()),
        )
        return replace(draft, **fields)  # type: ignore[arg-type]

    def update(self, code: str, **fields: object) -> rows.OntologyVersion:
        version, draft = self.ontology.version, self.draft(code, **fields)
        done: rows.OntologyVersion = self.do(lambda mine: mine.update_concept(code, version, draft, "vu"))
        return done

    @property
    def ontology(self) -> Ontology:
        return self.world.services.ontology


def problems(work: Callable[[], object]) -> list[tuple[str, str]]:
    """Return path and code of everything a change is refused for."""
    with pytest.raises(ValidationFailedError) as refused:
        work()
    return [(".".join(each.path), each.code) for each in refused.value.problems]


@pytest.fixture
def experts(world: World) -> Experts:
    return Experts(world, world.person(Role.EXPERT))


@pytest.fixture
def each_experts(each_world: World) -> Experts:
    """Return an expert on SQLite and one on PostgreSQL."""
    return Experts(each_world, each_world.person(Role.EXPERT))


def store(world: World, shipped: Ontology) -> int:
    """Start the platform with a release."""
    with world.database.write() as session:
        take_up(session, world.clock, shipped)
        return shipped_line(session, world.clock, shipped).id or 0


def versions(world: World) -> list[rows.OntologyVersion]:
    with world.database.read() as session:
        return list(session.exec(select(rows.OntologyVersion).order_by(rows.OntologyVersion.id)))  # type: ignore[arg-type]


def test_the_ontology_shipped_is_stored_once_and_is_in_use(each_world: World) -> None:
    first, second = store(each_world, the_ontology()), store(each_world, the_ontology())
    assert first == second
    (version,) = versions(each_world)
    assert (version.version, version.cause) == (the_ontology().version, "release")
    each_world.services.shelf.refresh(at_once=True)
    assert each_world.services.ontology.concepts == the_ontology().concepts


def test_a_new_concept_is_read_in_texts_at_once(experts: Experts) -> None:
    made = experts.do(lambda mine: mine.create_concept("LLAMA_SIGN", LLAMA, "manquait"))
    assert (made.comment, made.author_id) == ("manquait", experts.actor.account_id)
    assert made.version == experts.ontology.version
    claims = experts.world.services.matcher.match("cou de lama").reading.claims
    assert [claim.concept for claim in claims] == ["LLAMA_SIGN"]


def test_what_an_edit_stores_is_what_is_read_back(each_experts: Experts) -> None:
    experts = each_experts
    experts.do(lambda mine: mine.create_concept("LLAMA_SIGN", LLAMA))
    experts.update("LLAMA_SIGN", parents=("Tachycardie",), excludes=("FA",))
    with experts.world.database.read() as session:
        stored = latest_ontology(session, versions(experts.world)[-1].ontology_id)
    assert stored.version == versions(experts.world)[-1].version == experts.ontology.version
    assert stored.concept("LLAMA_SIGN").parents == ("TACHYCARDIA",)
    assert "LLAMA_SIGN" in stored.concept("ATRIAL_FIBRILLATION").excludes


def test_a_change_that_changes_nothing_makes_no_version(experts: Experts) -> None:
    experts.do(lambda mine: mine.create_concept("LLAMA_SIGN", LLAMA))
    before = len(versions(experts.world))
    experts.update("LLAMA_SIGN")
    assert len(versions(experts.world)) == before


@pytest.mark.parametrize("code", ["", "a", "lower_case", "A", "É_AIGU", "A" * 65, "A B", "1A"])
def test_a_code_is_capitals_digits_and_underscores(experts: Experts, code: str) -> None:
    assert problems(lambda: experts.do(lambda mine: mine.create_concept(code, LLAMA))) == [
        ("code", "bad_concept_code")
    ]


def test_a_code_is_given_once(experts: Experts) -> None:
    assert problems(lambda: experts.do(lambda mine: mine.create_concept("LBBB", LLAMA))) == [
        ("code", "concept_code_taken")
    ]


def test_a_name_of_another_concept_is_refused_beside_its_field(experts: Experts) -> None:
    taken = replace(LLAMA, synonyms_fr=("BBG",))
    assert problems(lambda: experts.do(lambda mine: mine.create_concept("NEW", taken))) == [
        ("synonymsFr", "name_taken")
    ]
    assert problems(lambda: experts.update("ATRIAL_FIBRILLATION", synonyms_en=("LBBB",))) == [
        ("synonymsEn", "name_taken")
    ]


def test_a_concept_cannot_be_its_own_ancestor(experts: Experts) -> None:
    child = next(each for each in the_ontology().concepts if each.parents)
    assert ("parents", "own_ancestor") in problems(
        lambda: experts.update(child.parents[0], parents=(child.id,))
    )


def test_a_concept_cannot_exclude_what_it_is_a_kind_of(experts: Experts) -> None:
    child = next(each for each in the_ontology().concepts if each.parents)
    assert ("excludes", "excluded_within") in problems(
        lambda: experts.update(child.id, excludes=(*child.excludes, child.parents[0]))
    )


def test_an_unknown_concept_is_named_where_it_stands(experts: Experts) -> None:
    draft = replace(LLAMA, parents=("Tachycardie", "Nimbus"), requires=(("FA", "Cumulus"),))
    assert problems(lambda: experts.do(lambda mine: mine.create_concept("NEW", draft))) == [
        ("requires.0.1", "no_such_concept"),
        ("parents.1", "no_such_concept"),
    ]


def test_a_range_needs_a_bound(experts: Experts) -> None:
    draft = replace(LLAMA, range=MeasuredRange("qrs"))
    assert problems(lambda: experts.do(lambda mine: mine.create_concept("NEW", draft))) == [
        ("range", "range_without_bound")
    ]


def test_a_concept_changed_meanwhile_is_a_conflict_and_another_one_is_not(each_experts: Experts) -> None:
    experts = each_experts
    experts.do(lambda mine: mine.create_concept("LLAMA_SIGN", LLAMA))
    read_in, draft = experts.ontology.version, experts.draft("LBBB", synonyms_fr=("bloc G",))
    experts.update("RBBB", synonyms_fr=("bloc D",))
    experts.do(lambda mine: mine.update_concept("LBBB", read_in, draft))
    with pytest.raises(ConflictError):
        experts.do(lambda mine: mine.update_concept("LBBB", read_in, draft))
    with pytest.raises(ConflictError):
        experts.do(lambda mine: mine.update_concept("LBBB", "no version", draft))


def test_a_concept_that_is_not_there_cannot_be_changed(experts: Experts) -> None:
    version = experts.ontology.version
    with pytest.raises(NotFoundError):
        experts.do(lambda mine: mine.update_concept("NOTHING", version, LLAMA))
    with pytest.raises(NotFoundError):
        experts.do(lambda mine: mine.delete_concept("NOTHING", version))
    with pytest.raises(NotFoundError):
        experts.do(lambda mine: mine.restore_concept(12345))


def test_a_concept_others_build_on_stays_and_a_free_one_goes(experts: Experts) -> None:
    refused = problems(
        lambda: experts.do(lambda mine: mine.delete_concept("TACHYCARDIA", experts.ontology.version))
    )
    assert set(refused) == {("id", "concept_in_use")}
    experts.do(lambda mine: mine.create_concept("LLAMA_SIGN", LLAMA))
    experts.do(lambda mine: mine.delete_concept("LLAMA_SIGN", experts.ontology.version))
    assert "LLAMA_SIGN" not in experts.ontology


def test_history_tells_each_change_and_any_can_be_taken_back(each_experts: Experts) -> None:
    experts = each_experts
    experts.update("LBBB", synonyms_fr=("bloc G",))
    experts.update("LBBB", synonyms_fr=("bloc gauche vrai",))
    with experts.world.database.read() as session:
        mine = Ontologies(session, experts.actor, experts.world.clock, the_ontology())
        latest, first = mine.history("LBBB", PageRequest(10)).rows
    assert first.before is not None
    assert first.before["synonyms_fr"] == list(the_ontology().concept("LBBB").synonyms_fr)
    experts.do(lambda mine: mine.restore_concept(first.id or 0))
    assert experts.ontology.concept("LBBB") == the_ontology().concept("LBBB")
    experts.do(lambda mine: mine.restore_concept(latest.id or 0))
    assert experts.ontology.concept("LBBB").synonyms_fr == ("bloc G",)


def test_taking_back_an_addition_removes_the_concept(experts: Experts) -> None:
    experts.do(lambda mine: mine.create_concept("LLAMA_SIGN", LLAMA))
    with experts.world.database.read() as session:
        mine = Ontologies(session, experts.actor, experts.world.clock, the_ontology())
        (added,) = mine.history("LLAMA_SIGN", PageRequest(10)).rows
    experts.do(lambda mine: mine.restore_concept(added.id or 0))
    assert "LLAMA_SIGN" not in experts.ontology


def test_every_change_stands_in_the_audit_trail(experts: Experts) -> None:
    experts.do(lambda mine: mine.create_concept("LLAMA_SIGN", LLAMA))
    with experts.world.database.read() as session:
        event = session.exec(select(AuditEvent).where(AuditEvent.action == "ontology.concept_created")).one()
    assert event.detail["concept"] == "LLAMA_SIGN"
    assert event.actor_id == experts.actor.account_id


def another_process(world: World) -> Shelf:
    """Return the shelf of a process that has not looked at the database yet."""
    return Shelf(world.database, the_ontology(), lambda _: world.services.shelf.current.matchers)


def test_another_process_takes_a_change_up(experts: Experts) -> None:
    world, made = experts.world, list[Ontology]()

    def matchers(ontology: Ontology) -> Matchers:
        made.append(ontology)
        return Matchers(world.services.matcher, world.services.matcher)

    other = Shelf(world.database, the_ontology(), matchers)
    experts.do(lambda mine: mine.create_concept("LLAMA_SIGN", LLAMA))
    assert "LLAMA_SIGN" not in other.current.ontology
    other.refresh()
    assert "LLAMA_SIGN" in other.current.ontology
    before = other.current
    other.refresh(at_once=True)
    assert other.current is before


def test_while_the_database_cannot_be_read_what_was_loaded_stays(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    without_tables = Database(f"sqlite:///{tmp_path / 'bare.db'}")
    shelf = Shelf(without_tables, the_ontology(), lambda _: world.services.shelf.current.matchers)
    with caplog.at_level(logging.WARNING):
        shelf.refresh(at_once=True)
    assert shelf.current.ontology is the_ontology()
    assert "those loaded stay" in caplog.text


def released(**names: tuple[str, ...]) -> Ontology:
    """Return the ontology a later release might ship."""
    concepts = [
        replace(each, synonyms_fr=(*each.synonyms_fr, *names.get(each.id, ())))
        for each in the_ontology().concepts
    ]
    return Ontology(concepts, number=the_ontology().number)


def test_a_release_is_joined_with_the_platforms_edits(experts: Experts) -> None:
    experts.do(lambda mine: mine.create_concept("LLAMA_SIGN", LLAMA))
    experts.update("RBBB", synonyms_fr=("bloc D",))
    later = released(LBBB=("bloc de la branche gauche du faisceau",), RBBB=("autre nom",))
    line = store(experts.world, later)
    store(experts.world, later)
    with experts.world.database.read() as session:
        joined = latest_ontology(session, line)
    assert "bloc de la branche gauche du faisceau" in joined.concept("LBBB").synonyms_fr
    assert joined.concept("RBBB").synonyms_fr == ("bloc D",)
    assert "LLAMA_SIGN" in joined
    causes = [each.cause for each in versions(experts.world)]
    assert causes == ["release", "edit", "edit", "release", "edit"]


def test_edits_outlive_every_release(each_experts: Experts) -> None:
    experts = each_experts
    experts.do(lambda mine: mine.create_concept("LLAMA_SIGN", LLAMA))
    experts.update("RBBB", synonyms_fr=("bloc D",))
    leaf = free_concept()
    experts.do(lambda mine: mine.delete_concept(leaf, experts.ontology.version))
    for name in ("un nom de plus", "encore un nom"):
        line = store(experts.world, released(LBBB=(name,)))
    with experts.world.database.read() as session:
        joined = latest_ontology(session, line)
    assert "encore un nom" in joined.concept("LBBB").synonyms_fr
    assert joined.concept("RBBB").synonyms_fr == ("bloc D",)
    assert "LLAMA_SIGN" in joined
    assert leaf not in joined


def free_concept() -> str:
    """Return a concept that no other builds on."""
    ontology = the_ontology()
    for each in ontology.concepts:
        try:
            changed(ontology, removing(ontology, each.id), 2)
        except OntologyError:
            continue
        return each.id
    raise AssertionError("every concept is built on")


def test_a_release_nobody_edited_before_is_taken_up_as_it_is(each_world: World) -> None:
    store(each_world, the_ontology())
    later = released(LBBB=("bloc de la branche gauche du faisceau",))
    store(each_world, later)
    store(each_world, later)
    assert [each.release for each in versions(each_world)] == [the_ontology().version, later.version]
    each_world.services.shelf.refresh(at_once=True)
    assert each_world.services.ontology.concepts == later.concepts
    assert each_world.services.shelf.of(later.version) is each_world.services.shelf.current


def test_a_release_that_contradicts_the_edits_leaves_them_and_says_so(
    experts: Experts, caplog: pytest.LogCaptureFixture
) -> None:
    experts.do(lambda mine: mine.create_concept("LLAMA_SIGN", LLAMA))
    with caplog.at_level(logging.WARNING):
        store(experts.world, released(LBBB=("cou de lama",)))
    assert "'cou de lama' already belongs to" in caplog.text
    assert [each.cause for each in versions(experts.world)] == ["release", "edit"]


def test_once_the_contradiction_is_settled_concepts_can_be_changed_as_before(experts: Experts) -> None:
    experts.do(lambda mine: mine.create_concept("LLAMA_SIGN", LLAMA))
    store(experts.world, released(LBBB=("cou de lama",)))
    experts.update("LLAMA_SIGN", synonyms_fr=())
    experts.update("LLAMA_SIGN", synonyms_fr=("lama",))
    assert experts.ontology.concept("LLAMA_SIGN").synonyms_fr == ("lama",)


def test_a_release_somebody_has_imported_before_is_taken_up_all_the_same(experts: Experts) -> None:
    later = released(LBBB=("bloc de la branche gauche du faisceau",))
    experts.do(lambda mine: mine.add("à venir", Imported(later)))
    store(experts.world, later)
    experts.world.services.shelf.refresh(at_once=True)
    assert experts.ontology.concepts == later.concepts


def broken(world: World, line_id: int) -> None:
    """Make a stored ontology one that no release can read."""
    with world.database.write() as session:
        version = session.exec(
            select(rows.OntologyVersion).where(rows.OntologyVersion.ontology_id == line_id)
        ).first()
        assert version is not None
        version.document = {"version": 1, "concepts": {"A": {}}}
        session.add(version)


def test_a_stored_ontology_that_cannot_be_read_does_not_keep_a_release_from_starting(
    experts: Experts, caplog: pytest.LogCaptureFixture
) -> None:
    broken(experts.world, store(experts.world, the_ontology()))
    with caplog.at_level(logging.WARNING):
        store(experts.world, released(LBBB=("un nom de plus",)))
    assert "does not go with the platform's edits" in caplog.text


def test_an_unreadable_ontology_that_is_not_in_use_holds_nothing_up(
    experts: Experts, caplog: pytest.LogCaptureFixture
) -> None:
    line = experts.do(lambda mine: mine.add("Zoo", Imported(small(LAMA))))
    broken(experts.world, line.id)
    other = Shelf(
        experts.world.database, the_ontology(), lambda _: experts.world.services.shelf.current.matchers
    )
    with caplog.at_level(logging.WARNING):
        experts.do(lambda mine: mine.create_concept("LLAMA_SIGN", replace(LLAMA, label_fr="Autre")))
        other.refresh()
    assert "LLAMA_SIGN" in other.current.ontology
    assert "cannot be read as it stands" in caplog.text


def test_processes_that_start_at_once_store_one_ontology(each_world: World) -> None:
    with ThreadPoolExecutor(4) as pool:
        lines = set(pool.map(lambda _: store(each_world, the_ontology()), range(4)))
    assert len(lines) == 1
    assert len(versions(each_world)) == 1


def test_a_key_of_a_version_nobody_knows_is_marked_with_what_came_with_the_platform(experts: Experts) -> None:
    line = experts.do(lambda mine: mine.add("Zoo", Imported(small(LAMA))))
    Experts(experts.world, experts.world.person(Role.ADMIN)).do(lambda mine: mine.activate(line.id))
    graded = experts.world.services.grader.grade(Draft("BBG"), Key(1, (KeyItem("LBBB"),), "1-of-long-ago"))
    assert (graded.score, graded.document["unmarked"]) == (100.0, [])


def test_a_concept_that_students_are_marked_on_cannot_be_removed(experts: Experts) -> None:
    world = experts.world
    experts.do(lambda mine: mine.create_concept("LLAMA_SIGN", LLAMA))
    author = Author(world, world.person())
    key = author.draft()
    author.record(lambda recordings: recordings.add(key, STORED))
    author.annotate(lambda annotations: annotations.add(key, [NewAnnotation("LLAMA_SIGN")]))
    author.do(lambda cases: cases.validate(key, 3))
    with world.database.write() as session:
        fields = SessionFields(name="A", difficulty=SessionDifficulty.BEGINNER, time_limit_minutes=20)
        training = Sessions(session, author.actor, world.clock).create(fields, [key])

    def taking_out() -> rows.OntologyVersion:
        version = experts.ontology.version
        taken: rows.OntologyVersion = experts.do(lambda mine: mine.delete_concept("LLAMA_SIGN", version))
        return taken

    assert problems(taking_out) == [("id", "concept_in_open_session")]
    with world.database.write() as session:
        training = session.get_one(TrainingSession, training.id)
        training.status = "closed"
        session.add(training)
    taking_out()
    assert "LLAMA_SIGN" not in experts.ontology


def test_what_a_student_picked_may_be_saved_after_it_was_removed(experts: Experts) -> None:
    experts.do(lambda mine: mine.create_concept("LLAMA_SIGN", LLAMA))
    experts.do(lambda mine: mine.delete_concept("LLAMA_SIGN", experts.ontology.version))
    fresh = Shelf(
        experts.world.database, the_ontology(), lambda _: experts.world.services.shelf.current.matchers
    )
    fresh.refresh()
    for shelf in (experts.world.services.shelf, fresh):
        assert Draft.checked("texte", ["LLAMA_SIGN"], shelf).concept_ids == ("LLAMA_SIGN",)
    graded = experts.world.services.grader.grade(
        Draft("BBG", ("LLAMA_SIGN",)), Key(1, (KeyItem("LBBB"),), experts.ontology.version)
    )
    assert graded.score == 100.0


def test_a_form_read_in_a_process_that_lags_behind_conflicts(experts: Experts) -> None:
    lagging = Shelf(
        experts.world.database, the_ontology(), lambda _: experts.world.services.shelf.current.matchers
    )
    experts.update("RBBB", synonyms_fr=("bloc D",))
    lagging.refresh()
    draft, version = experts.draft("LBBB", synonyms_fr=("le mien",)), lagging.current.ontology.version
    experts.update("LBBB", synonyms_fr=("le sien",))
    with pytest.raises(ConflictError):
        experts.do(lambda mine: mine.update_concept("LBBB", version, draft))


def test_a_version_that_no_database_stores_is_a_conflict(each_experts: Experts) -> None:
    experts = each_experts
    experts.update("RBBB", synonyms_fr=("bloc D",))
    with pytest.raises(ConflictError):
        experts.do(lambda mine: mine.update_concept("LBBB", "\0", experts.draft("LBBB")))


def test_after_many_edits_one_is_stored_whole(each_experts: Experts, monkeypatch: pytest.MonkeyPatch) -> None:
    experts = each_experts
    monkeypatch.setattr("schema.services.editions.WHOLE_EVERY", 2)
    for number in range(4):
        experts.update("RBBB", synonyms_fr=(f"bloc {number}",))
    assert [each.document is not None for each in versions(experts.world)] == [
        True,
        False,
        False,
        True,
        False,
    ]
    with experts.world.database.read() as session:
        stored = latest_ontology(session, versions(experts.world)[0].ontology_id)
    assert stored.version == experts.ontology.version


def test_a_key_is_not_mixed_of_two_ontologies(experts: Experts) -> None:
    author = Author(experts.world, experts.world.person())
    key = author.complete()
    line = experts.do(lambda mine: mine.add("Zoo", Imported(small(LAMA))))
    Experts(experts.world, experts.world.person(Role.ADMIN)).do(lambda mine: mine.activate(line.id))
    adding = lambda: author.annotate(lambda annotations: annotations.add(key, [NewAnnotation("LAMA")]))  # noqa: E731
    assert problems(adding) == [("annotations", "key_of_another_ontology")]


def test_too_many_alternatives_and_a_system_named_twice_are_said(experts: Experts) -> None:
    draft = replace(LLAMA, requires=[["FA"]] * 61, codes=[("snomed", "1"), ("snomed", "2")])
    assert problems(lambda: experts.do(lambda mine: mine.create_concept("LLAMA_SIGN", draft))) == [
        ("requires", "too_many"),
        ("codes.1.system", "code_system_twice"),
    ]


def small(*concepts: Concept) -> Ontology:
    return Ontology(concepts)


LAMA = Concept("LAMA", "Signe du lama", "Llama sign", Category.MORPHOLOGY, Kind.SIGN)
FAULTS = (Fault("concepts.A.synonyms", "name_taken", ("BBG", "LBBB")), Fault("concepts.B", "no_name"))


def test_an_imported_ontology_stands_beside_the_one_in_use(each_experts: Experts) -> None:
    experts = each_experts
    line = experts.do(lambda mine: mine.add("Zoo", Imported(small(LAMA), None, FAULTS)))
    assert not line.active
    assert experts.ontology.concepts == the_ontology().concepts
    with experts.world.database.read() as session:
        mine = Ontologies(session, experts.actor, experts.world.clock, the_ontology())
        assert [each.name for each in mine.page(PageRequest(10)).rows] == ["Chevet", "Zoo"]
        assert [each.code for each in mine.faults(line.id, PageRequest(10), open_only=True).rows] == [
            "name_taken",
            "no_name",
        ]


def test_a_name_and_a_content_are_imported_once(experts: Experts) -> None:
    experts.do(lambda mine: mine.add("Zoo", Imported(small(LAMA))))
    assert problems(lambda: experts.do(lambda mine: mine.add(" Zoo ", Imported(small(LAMA))))) == [
        ("name", "ontology_name_taken"),
        ("file", "ontology_known"),
    ]


def test_only_administrators_switch_and_the_switch_is_for_everybody(each_experts: Experts) -> None:
    experts = each_experts
    line = experts.do(lambda mine: mine.add("Zoo", Imported(small(LAMA))))
    with pytest.raises(NotAllowedError):
        experts.do(lambda mine: mine.activate(line.id))
    administrator = Experts(experts.world, experts.world.person(Role.ADMIN))
    administrator.do(lambda mine: mine.activate(line.id))
    assert [each.id for each in experts.ontology.concepts] == ["LAMA"]
    claims = experts.world.services.matcher.match("Signe du lama").reading.claims
    assert [claim.concept for claim in claims] == ["LAMA"]


def test_a_key_is_marked_with_the_ontology_it_was_made_in(experts: Experts) -> None:
    key = Key(1, (KeyItem("LBBB"),), the_ontology().version)
    line = experts.do(lambda mine: mine.add("Zoo", Imported(small(LAMA))))
    administrator = Experts(experts.world, experts.world.person(Role.ADMIN))
    administrator.do(lambda mine: mine.activate(line.id))
    graded = experts.world.services.grader.grade(Draft("BBG"), key)
    assert (graded.score, graded.document["unmarked"]) == (100.0, [])
    assert graded.document["ontology_version"] == the_ontology().version


def test_a_case_keeps_its_ontology_while_its_concepts_are_of_that_one(experts: Experts) -> None:
    author = Author(experts.world, experts.world.person())
    key = author.complete()
    line = experts.do(lambda mine: mine.add("Zoo", Imported(small(LAMA))))
    Experts(experts.world, experts.world.person(Role.ADMIN)).do(lambda mine: mine.activate(line.id))
    case = author.do(lambda cases: cases.get(key))
    author.do(lambda cases: cases.update(key, case.revision, {"name": "Autre"}))
    with experts.world.database.read() as session:
        now = author.cases(session).get(key)
        assert Key.now(session, now).ontology_version == the_ontology().version


def test_a_fault_is_settled_with_a_decision(experts: Experts) -> None:
    line = experts.do(lambda mine: mine.add("Zoo", Imported(small(LAMA), None, FAULTS)))
    with experts.world.database.read() as session:
        mine = Ontologies(session, experts.actor, experts.world.clock, the_ontology())
        fault = mine.faults(line.id, PageRequest(10), open_only=True).rows[0]
    assert problems(lambda: experts.do(lambda mine: mine.settle(fault.id or 0, " "))) == [
        ("decision", "required")
    ]
    experts.do(lambda mine: mine.settle(fault.id or 0, "BBG reste à LBBB"))
    with experts.world.database.read() as session:
        mine = Ontologies(session, experts.actor, experts.world.clock, the_ontology())
        assert len(mine.faults(line.id, PageRequest(10), open_only=True).rows) == 1
    with pytest.raises(NotFoundError):
        experts.do(lambda mine: mine.settle(9999, "rien"))


def test_a_file_of_our_own_form_is_read() -> None:
    content = json.dumps(ontology_document([LAMA], 3)).encode()
    found = read_upload("Zoo", io.BytesIO(content), the_ontology())
    assert (found.ontology.version, found.faults) == (Ontology([LAMA], number=3).version, ())


ENTRY = {"label_fr": "a", "label_en": "b", "category": "rhythm", "kind": "sign"}


def own(**fields: object) -> bytes:
    """Return a file of our own form whose one concept has some fields of another kind."""
    return json.dumps({"concepts": {"A": {**ENTRY, **fields}}}).encode()


def numbered(number: object) -> bytes:
    return json.dumps({"version": number, "concepts": {"A": ENTRY}}).encode()


def named(identifier: str) -> bytes:
    return json.dumps({"concepts": {identifier: ENTRY}}).encode()


def foreign(*concepts: Mapping[str, object]) -> bytes:
    entries = {f"Z{at}": {"concept_name": f"zèbre {at}", **each} for at, each in enumerate(concepts)}
    return json.dumps({"concepts": entries}).encode()


def owl(body: str, head: str = "") -> bytes:
    rdf = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
    rdfs, classes = "http://www.w3.org/2000/01/rdf-schema#", "http://www.w3.org/2002/07/owl#"
    start = f'<?xml version="1.0"?>{head}<r:RDF xmlns:r="{rdf}" xmlns:s="{rdfs}" xmlns:o="{classes}">'
    return f"{start}{body}</r:RDF>".encode()


MALFORMED = [
    own(range={"measure": "pr", "above": "200"}),
    own(range={"measure": "llama", "above": 200}),
    own(range={"measure": ["pr"], "above": 200}),
    own(range={"measure": "pr"}),
    own(range={"measure": "pr", "above": True}),
    own(range={"measure": "pr", "above": float("nan")}),
    own(range={"measure": "pr", "below": float("inf")}),
    own(range={"measure": "pr", "at_most": 10**400}),
    own(range={"measure": "pr", "above": 1, "beyond": 2}),
    own(range=[]),
    own(label_fr=5),
    own(label_fr=" "),
    own(label_en="x" * 121),
    own(label_fr="a\0b"),
    own(label_fr="a\ud800"),
    own(synonyms_fr=["a\nb"]),
    own(synonyms_fr="abc"),
    own(parents=[["A"]]),
    own(parents=None),
    own(absence=["x"]),
    own(category=["rhythm"]),
    own(severity=None),
    own(codes={"snomed": 12}),
    own(codes=[["snomed", "12"]]),
    own(requires=["A"]),
    own(requires=[[["A"]]]),
    own(requires={"A": 1}),
    *(numbered(each) for each in (0, -1, True, 1.0, "1", None, 10**9 + 1, 2**31, 3_000_000_000, 10**30)),
    *(named(each) for each in ("", "A\0", "A\ud800", "A" * 121)),
    b'{"concepts": {"A": []}}',
    b'{"concepts": {"A": null}}',
]
EXCESSIVE = [
    json.dumps({"concepts": {f"C{at}": ENTRY for at in range(5_001)}}).encode(),
    own(synonyms_fr=[f"n{at}" for at in range(201)]),
    own(parents=["A"] * 501),
    own(requires=[["A"] * 501]),
    foreign(*[{}] * 5_001),
    foreign({"synonymes": [f"n{at}" for at in range(201)]}),
    foreign({"requires": [f"n{at}" for at in range(501)]}),
    foreign(*[{"requires": [f"n{at}" for at in range(450)]}] * 5),
    b"[" * 200_000,
    b'{"concepts": ' * 200_000,
]
XML = [
    owl("", '<!DOCTYPE a [<!ENTITY b "c">]>'),
    owl("", '<!DOCTYPE a [<!ENTITY % b "c">]>'),
    owl("", '<!DOCTYPE a [<!ENTITY b "c">]>').decode().replace(' version="1.0"', "").encode("utf-16-le"),
    owl('<o:Class r:ID="a" r:about="b"/>'),
    owl('<o:Class r:nodeID="1 2"/>'),
    owl('<o:Class r:about="urn:a"><s:label xml:lang="fr"> </s:label></o:Class>'),
    owl("".join(f'<o:Class r:about="urn:{at}"/>' for at in range(5_001))),
]


@pytest.mark.parametrize("content", [*MALFORMED, *EXCESSIVE, *XML])
def test_a_file_with_a_wrong_value_or_too_much_of_something_is_refused(content: bytes) -> None:
    refused = problems(lambda: read_upload("Zoo", io.BytesIO(content), the_ontology()))
    assert set(refused) == {("file", "ontology_fault")}


@pytest.mark.parametrize("content", [b"[" * 200_000, EXCESSIVE[7], XML[0], MALFORMED[0]])
def test_a_refusal_says_what_is_wrong(content: bytes) -> None:
    with pytest.raises(ValidationFailedError) as refused:
        read_upload("Zoo", io.BytesIO(content), the_ontology())
    (problem,) = refused.value.problems
    assert dict(problem.values)["fault"].startswith(
        ("is not UTF-8 JSON", "has more than 2000 faults", "declares entities", "range.above is no finite")
    )


def test_what_a_fault_quotes_can_be_stored() -> None:
    content = foreign({}, {"parents": ["a\0\ud800" + "x" * 1_000], "synonymes": ["b\0", "c" * 121, " d\n"]})
    found = read_upload("Zoo", io.BytesIO(content), the_ontology())
    assert sorted(each.code for each in found.faults) == ["too_long", "unknown_reference", "unprintable"]
    quoted = [text for each in found.faults for text in (each.place, *each.values)]
    assert all(text.isprintable() and len(text) <= 200 for text in quoted)


def test_a_foreign_concept_without_a_name_is_left_out_and_a_reference_counts_once() -> None:
    content = foreign({"concept_name": " "}, {"parents": ["Z9", "Z9"]})
    found = read_upload("Zoo", io.BytesIO(content), the_ontology())
    assert [each.code for each in found.faults] == ["no_name", "unknown_reference"]


def test_hidden_concepts_above_one_another_in_many_ways_are_read_at_once() -> None:
    layers = [
        {"hide": True, "parents": [f"Z{max(0, at - 1 - at % 2 - way)}" for way in (0, 1)]} for at in range(80)
    ]
    layers[0] = layers[1] = {}
    found = read_upload("Zoo", io.BytesIO(foreign(*layers, {"parents": ["Z79"]})), the_ontology())
    assert set(found.ontology.concept("zoo:Z80").parents) == {"zoo:Z0", "zoo:Z1"}


def test_a_long_chain_of_classes_is_read_as_one() -> None:
    chain = "".join(
        f'<o:Class r:about="urn:{at}"><s:label xml:lang="fr">zèbre {at}</s:label>'
        f'<s:subClassOf r:resource="urn:{at + 1}"/></o:Class>'
        for at in range(1_500)
    )
    found = read_upload("Zoo", io.BytesIO(owl(chain)), the_ontology())
    assert len(found.ontology.ancestors("zoo:ZEBRE_0")) == 1_499


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00\xff",
        b"[]",
        b'{"concepts": {"A": {}}}',
        b"<html></html>",
        b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
    ],
)
def test_a_file_that_is_no_ontology_is_refused_beside_its_field(content: bytes) -> None:
    refused = problems(lambda: read_upload("Zoo", io.BytesIO(content), the_ontology()))
    assert {path for path, _ in refused} == {"file"}


def test_an_unsound_file_is_refused_whole_with_every_fault() -> None:
    entry = {"label_fr": "a", "label_en": "b", "category": "rhythm", "kind": "sign"}
    content = {"concepts": {"A": {**entry, "parents": ["X"]}, "B": {**entry, "excludes": ["A"]}}}
    refused = problems(lambda: read_upload("Zoo", io.BytesIO(json.dumps(content).encode()), the_ontology()))
    assert refused == [("file", "ontology_fault")] * 4
