"""An answer is cut where its verdicts begin and end; every letter stays, in order."""

from typing import Any

from server.pages.marking import pieces


def claim(verdict: str, *spans: tuple[int, int], concept: str = "Bloc") -> dict[str, Any]:
    found = [{"start": start, "end": end} for start, end in spans]
    return {"verdict": verdict, "concept": {"label": concept}, "spans": found}


def answer(text: str, *items: dict[str, Any], extra: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    return {"text": text, "grade": {"items": list(items), "extra": list(extra)}}


def cut(given: dict[str, Any]) -> list[tuple[str, str | None]]:
    return [(piece["text"], piece["verdict"]) for piece in pieces(given)]


def test_an_answer_that_is_not_corrected_is_one_plain_piece() -> None:
    plain = {"text": "Bloc", "verdict": None, "concept": None}
    assert pieces({"text": "Bloc", "grade": None}) == [plain]


def test_an_answer_is_cut_around_its_spans() -> None:
    given = answer("un bloc et un flutter", claim("FOUND", (3, 7)), claim("PARTIAL", (14, 21)))
    assert cut(given) == [("un ", None), ("bloc", "found"), (" et un ", None), ("flutter", "partial")]


def test_of_two_verdicts_on_the_same_words_the_graver_is_shown() -> None:
    found, wrong = claim("FOUND", (0, 10)), claim("WRONG", (5, 15), concept="Flutter")
    given = answer("0123456789abcdef", found, extra=(wrong,))
    assert cut(given) == [("01234", "found"), ("56789abcde", "wrong"), ("f", None)]
    assert [piece["concept"] for piece in pieces(given)] == ["Bloc", "Flutter", None]
    assert cut(answer("bloc", claim("CONTRADICTED", (0, 4)), claim("FOUND", (0, 4)))) == [
        ("bloc", "contradicted")
    ]


def test_words_that_found_a_concept_whole_are_found_where_they_are_part_of_another() -> None:
    normal = claim("PARTIAL", (0, 8), (10, 18), concept="ECG normal")
    rhythm = claim("FOUND", (0, 8), concept="Rythme sinusal")
    marked = cut(answer("sinusal, PR normal", normal, rhythm))
    assert marked == [("sinusal,", "found"), (" P", None), ("R normal", "partial")]


def test_what_was_missed_or_merely_more_marks_nothing() -> None:
    given = answer("bloc", claim("MISSED", (0, 4)), extra=(claim("EXTRA", (0, 4)),))
    assert cut(given) == [("bloc", None)]


def test_a_span_beyond_the_text_and_an_empty_text_do_no_harm() -> None:
    assert cut(answer("bloc", claim("FOUND", (2, 99)))) == [("bl", None), ("oc", "found")]
    assert cut(answer("", claim("FOUND", (0, 4)))) == []
