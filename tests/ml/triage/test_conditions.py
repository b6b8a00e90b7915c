"""Conditions: read, decided by what is known, left open by what is not."""

import pytest

from ml.triage.conditions import ConditionError, Truth, describe, parse, truth, unknown


@pytest.mark.parametrize(
    "text, values, answers, expected",
    [
        ("temperature >= 38", {"temperature": 38.0}, {}, True),
        ("temperature > 38", {"temperature": 38.0}, {}, False),
        ("temperature >= 38", {}, {}, None),
        ("a | b", {}, {"a": True}, True),
        ("a | b", {}, {"a": False}, None),
        ("a & b", {}, {"a": False}, False),
        ("a & b", {}, {"a": True}, None),
        ("!a & b | c", {}, {"a": True, "c": True}, True),
        ("!a & (b | c)", {}, {"a": True, "c": True}, False),
        ("!a", {}, {}, None),
        ("age <= 0.25 & fievre", {"age": 1.0}, {}, False),
    ],
)
def test_a_condition_is_decided_as_soon_as_it_can_be(
    text: str, values: dict[str, float], answers: dict[str, bool], expected: Truth
) -> None:
    assert truth(parse(text), values, answers) is expected


@pytest.mark.parametrize(
    "text", ["", "a |", "a & & b", "(a", "a)", "temperature >=", "temperature >= b", "38", "a ? b", "a b"]
)
def test_a_text_without_meaning_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(ConditionError, match=r"expected|closed|meaning"):
        parse(text)


def test_what_is_unknown_is_named_and_a_measurement_that_may_settle_it_first() -> None:
    condition = parse("glycemie >= 3.6 & (cetose | cetose_elevee)")
    assert list(unknown(condition, {}, {})) == ["glycemie"]
    assert list(unknown(condition, {"glycemie": 4.0}, {"cetose": False})) == ["cetose_elevee"]
    assert list(unknown(condition, {"glycemie": 1.0}, {})) == []


def test_a_condition_is_said_in_words() -> None:
    labels = {"temperature": "temperature", "purpura": "purpura", "confusion": "confusion"}
    condition = parse("!(temperature < 38) & purpura | !confusion")
    assert (
        describe(condition, labels, ("and", "or", "not"))
        == "(temperature ≥ 38 and purpura) or not (confusion)"
    )
