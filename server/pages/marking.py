"""An answer cut into the pieces that earned each verdict, for `marked_answer`."""

from typing import Any

MARKS_NOTHING = {"MISSED", "EXTRA", "WITHDRAWN"}
RANK = {"wrong": 0, "contradicted": 1, "found": 2, "partial": 3}
"""Which verdict words bear that earned several: what was found whole comes before what was in part."""


def pieces(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the answer's text in order, each piece with its verdict and concept (None for plain text).

    Where two spans overlap, the verdict of the lower rank wins and the other is cut short.
    """
    text, grade = answer["text"], answer["grade"]
    if grade is None:
        return [{"text": text, "verdict": None, "concept": None}]
    owner: list[tuple[str, str] | None] = [None] * len(text)
    claims = [claim for claim in (*grade["items"], *grade["extra"]) if claim["verdict"] not in MARKS_NOTHING]
    for claim in sorted(claims, key=lambda claim: -RANK[claim["verdict"].lower()]):
        for span in claim["spans"]:
            for place in range(span["start"], min(span["end"], len(text))):
                owner[place] = (claim["verdict"].lower(), claim["concept"]["label"])
    return _runs(text, owner)


def _runs(text: str, owner: list[tuple[str, str] | None]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    start = 0
    for place in range(1, len(text) + 1):
        if place == len(text) or owner[place] != owner[start]:
            verdict, concept = owner[start] or (None, None)
            found.append({"text": text[start:place], "verdict": verdict, "concept": concept})
            start = place
    return found
