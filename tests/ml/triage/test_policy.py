"""The policy: every pair of the scale's level and the model's."""

from pathlib import Path

import pytest

from ml.triage.levels import KTAS, LEVELS, Ktas, Level, ktas, urgency
from ml.triage.policy import WITH_NEITHER, combine, table

EXPECTED: dict[tuple[Level | None, Ktas | None], tuple[Level, Level]] = {}
"""The final level where the rule for 3A does not hold, and where it does; written out, not computed."""
_ROWS: dict[Level | None, str] = {
    "1": "1/1 1/1 1/1 1/1 1/1 1/1",
    "2": "1/1 2/2 2/2 2/2 2/2 2/2",
    "3A": "1/1 2/2 3A/3A 3A/3A 3A/3A 3A/3A",
    "3B": "1/1 2/2 3B/3B 3B/3B 3B/3B 3B/3B",
    "4": "1/1 2/2 3B/3A 4/4 4/4 4/4",
    "5": "1/1 2/2 3B/3A 4/4 5/5 5/5",
    None: "1/1 2/2 3B/3A 4/4 5/5 3B/3B",
}
for _rules, _row in _ROWS.items():
    for _model, _cell in zip((*KTAS, None), _row.split(), strict=True):
        _plain, _heavy = _cell.split("/")
        EXPECTED[_rules, _model] = (
            next(each for each in LEVELS if each == _plain),
            next(each for each in LEVELS if each == _heavy),
        )


@pytest.mark.parametrize("rules", [*LEVELS, None])
@pytest.mark.parametrize("model", [*KTAS, None])
@pytest.mark.parametrize("heavy", [False, True])
def test_every_pair_has_the_level_of_the_table(
    rules: Level | None, model: Ktas | None, *, heavy: bool
) -> None:
    combined = combine(rules, model, third_is_3a=heavy)
    assert combined.level == EXPECTED[rules, model][heavy]
    if rules is not None:
        assert urgency(combined.level) <= urgency(rules), "the model never lowers the scale"
    if rules is not None and model is not None:
        assert (combined.disagreement is None) == (ktas(rules) == model)
    else:
        assert combined.disagreement is None


def test_who_gave_the_level_is_told() -> None:
    assert combine("2", 2, third_is_3a=False).source == "both"
    assert combine("2", 4, third_is_3a=False).source == "rules"
    assert combine("4", 2, third_is_3a=False).source == "model"
    assert combine(None, None, third_is_3a=False) == combine(None, None, third_is_3a=True)
    assert combine(None, None, third_is_3a=False).level == WITH_NEITHER


def test_the_docs_show_the_table() -> None:
    assert table() in Path("docs/triage.md").read_text(encoding="utf-8")
