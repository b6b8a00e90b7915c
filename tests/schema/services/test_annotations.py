import pytest

from schema.errors import NotFoundError, ValidationFailedError
from schema.models.cases import Annotation, AnnotationRole, AnnotationType
from schema.policy import Role
from schema.services.annotations import MOST, NewAnnotation
from schema.services.revisions import annotations_of
from tests.schema.authors import Author
from tests.schema.conftest import World


@pytest.fixture
def author(each_world: World) -> Author:
    return Author(each_world, each_world.person(Role.TEACHER))


def present(author: Author, key: int) -> list[Annotation]:
    with author.world.database.read() as session:
        return annotations_of(session, key)


def add(author: Author, key: int, *wanted: NewAnnotation) -> int:
    """Add annotations and return the case's revision."""
    return author.annotate(lambda annotations: annotations.add(key, wanted)).revision


def test_a_colleague_cannot_annotate_a_case_or_touch_its_annotations(
    each_world: World, author: Author
) -> None:
    colleague = Author(each_world, each_world.person(Role.TEACHER))
    key = author.draft()
    add(author, key, NewAnnotation(author.codes()[0]))
    annotation = present(author, key)[0].id or 0
    for missing in (
        lambda: add(colleague, key, NewAnnotation(author.codes()[1])),
        lambda: colleague.annotate(lambda annotations: annotations.update(annotation, 0.5)),
        lambda: colleague.annotate(lambda annotations: annotations.remove(annotation)),
    ):
        with pytest.raises(NotFoundError):
            missing()
    assert len(present(author, key)) == 1


def test_annotations_keep_the_order_they_were_added_in(author: Author) -> None:
    key, codes = author.draft(), author.codes()
    add(author, key, NewAnnotation(codes[5]), NewAnnotation(codes[2]))
    add(author, key, NewAnnotation(codes[9]))
    annotation = present(author, key)[1].id or 0
    author.annotate(lambda annotations: annotations.remove(annotation))
    add(author, key, NewAnnotation(codes[0]))
    assert [row.concept_id for row in present(author, key)] == [codes[5], codes[9], codes[0]]


def test_everything_said_of_a_concept_is_kept(author: Author) -> None:
    key = author.draft()
    said = NewAnnotation(author.codes()[0], 87.5, AnnotationType.MATCHED, 0.65, AnnotationRole.DESCRIPTIVE)
    add(author, key, said)
    row = present(author, key)[0]
    assert (row.confidence, row.type, row.coefficient, row.role) == (87.5, "matched", 0.65, "descriptive")


def test_a_concept_the_case_has_stays_as_it_is(author: Author) -> None:
    key, code = author.draft(), author.codes()[0]
    assert add(author, key, NewAnnotation(code, coefficient=0.5)) == 2
    assert add(author, key, NewAnnotation(code, coefficient=1.0)) == 2
    assert [row.coefficient for row in present(author, key)] == [0.5]


def test_a_concept_named_twice_at_once_is_added_once_as_first_named(author: Author) -> None:
    key, codes = author.draft(), author.codes()
    add(
        author,
        key,
        NewAnnotation(codes[0], coefficient=0.5),
        NewAnnotation(codes[1]),
        NewAnnotation(codes[0], coefficient=1.0),
    )
    rows = present(author, key)
    assert [(row.concept_id, row.coefficient) for row in rows] == [(codes[0], 0.5), (codes[1], 1.0)]


@pytest.mark.parametrize("coefficient", [0.5, 0.51, 0.8, 0.999, 1.0])
def test_any_weight_from_a_half_to_one_is_taken(author: Author, coefficient: float) -> None:
    key = author.draft()
    add(author, key, NewAnnotation(author.codes()[0], coefficient=coefficient))
    assert present(author, key)[0].coefficient == coefficient


@pytest.mark.parametrize("coefficient", [0.0, 0.499, 1.001, -1.0, float("nan"), float("inf")])
def test_any_other_weight_is_refused(author: Author, coefficient: float) -> None:
    key, code = author.draft(), author.codes()[0]
    with pytest.raises(ValidationFailedError, match=r"^annotations\.0\.coefficient:out_of_range$"):
        add(author, key, NewAnnotation(code, coefficient=coefficient))
    add(author, key, NewAnnotation(code))
    annotation = present(author, key)[0].id or 0
    with pytest.raises(ValidationFailedError, match=r"^coefficient:out_of_range$"):
        author.annotate(lambda annotations: annotations.update(annotation, coefficient))


def test_all_faults_are_named_at_once_and_nothing_is_added(author: Author) -> None:
    key, codes = author.draft(), author.codes()
    with pytest.raises(ValidationFailedError) as caught:
        add(
            author,
            key,
            NewAnnotation(codes[0]),
            NewAnnotation("no such concept"),
            NewAnnotation(codes[1], confidence=100.1),
            NewAnnotation(codes[2], confidence=-0.1),
        )
    assert [(".".join(problem.path), problem.code) for problem in caught.value.problems] == [
        ("annotations.1.conceptId", "unknown_concept"),
        ("annotations.2.confidence", "out_of_range"),
        ("annotations.3.confidence", "out_of_range"),
    ]
    assert present(author, key) == []


def test_weight_and_role_are_changed_together_or_alone(author: Author) -> None:
    key = author.draft()
    add(author, key, NewAnnotation(author.codes()[0]))
    annotation = present(author, key)[0].id or 0

    def change(coefficient: float | None = None, role: AnnotationRole | None = None) -> int:
        return author.annotate(lambda each: each.update(annotation, coefficient, role)).revision

    assert change(0.8) == 3
    assert change(role=AnnotationRole.DESCRIPTIVE) == 4
    assert change(0.8, AnnotationRole.DESCRIPTIVE) == 4
    row = present(author, key)[0]
    assert (row.coefficient, row.role) == (0.8, "descriptive")


def test_a_case_takes_a_hundred_annotations_and_no_more(author: Author) -> None:
    key, codes = author.draft(), author.codes()
    add(author, key, *(NewAnnotation(code) for code in codes[: MOST - 1]))
    with pytest.raises(ValidationFailedError, match=r"^annotations:too_many_annotations$"):
        add(author, key, NewAnnotation(codes[MOST]), NewAnnotation(codes[MOST + 1]))
    add(author, key, NewAnnotation(codes[MOST]), NewAnnotation(codes[0]))
    assert len(present(author, key)) == MOST


def test_the_faults_of_an_endless_list_are_named_in_few_words(author: Author) -> None:
    with pytest.raises(ValidationFailedError) as refusal:
        add(author, author.draft(), *[NewAnnotation("unknown")] * 5_000)
    problems = refusal.value.problems
    assert (problems[-1].code, len(problems)) == ("too_many_annotations", MOST + 1)
