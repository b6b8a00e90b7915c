"""What the FRENCH scale says of a visit: the level, every rule that fired, and what is still to be asked.

The complaint's median level holds until a modulator fires. The most urgent that fires counts; one that
makes the visit less urgent counts only when everything more urgent in its row is known not to hold. Vital
signs count whatever the complaint, with the limits of adults where the age is not known. Only what was
measured or answered counts, never a default.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from ml.triage.conditions import Condition, truth, unknown
from ml.triage.features import BY_NAME, Visit
from ml.triage.levels import Level, most_urgent, urgency
from ml.triage.scale import DERIVED, Complaint, Modulator, Scale

Kind: TypeAlias = Literal["vital_sign", "median", "modulator", "rule_3a"]


@dataclass(frozen=True, slots=True)
class Fired:
    """A rule that holds of the visit; `decides` tells those that give the level."""

    kind: Kind
    id: str
    level: Level
    fr: str
    en: str
    decides: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """A question or feature that is not known and could change the level, to the most urgent of `levels`."""

    name: str
    levels: tuple[Level, ...]


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the scale says; no level where no complaint is known and no vital sign speaks."""

    level: Level | None
    complaint: Complaint | None
    fired: tuple[Fired, ...]
    asked: tuple[Asked, ...]


def rule(visit: Visit, complaint: str | None, scale: Scale) -> Ruling:
    """Apply the scale to a visit whose complaint, one of the scale's, is known or None."""
    known = _Known(visit)
    row = (
        None if complaint is None else scale.row(complaint, lambda condition: known.truth(condition) is True)
    )
    of_vital_signs = [(each, known.of_vital_sign(each.when)) for each in scale.vital_signs]
    fired = [
        Fired("vital_sign", each.id, each.level, each.fr, each.en) for each, holds in of_vital_signs if holds
    ]
    level = most_urgent(*[each.level for each in fired]) if fired else None
    if row is not None:
        by_complaint = known.complaint(row)
        fired += by_complaint
        found = most_urgent(*[each.level for each in by_complaint if each.decides])
        level = found if level is None else most_urgent(level, found)
    undecided = [
        *(each for each, holds in of_vital_signs if holds is None),
        *(each for each in (row.modulators if row else ()) if known.truth(each.when) is None),
    ]
    undecided = [each for each in undecided if _matters(each, level, row, fired)]
    if level == "3B":
        if known.truth(scale.rule_3a.when):
            third = scale.rule_3a
            fired = [*fired, Fired("rule_3a", third.id, "3A", third.fr, third.en)]
            level = "3A"
        elif known.truth(scale.rule_3a.when) is None:
            undecided.append(scale.rule_3a)
    told = tuple(
        Fired(each.kind, each.id, each.level, each.fr, each.en, each.level == level) for each in fired
    )
    return Ruling(level, row, told, known.asked(undecided))


class _Known:
    """What is known of a visit, with what follows from it."""

    def __init__(self, visit: Visit) -> None:
        self.answers = visit.answers
        self.values: dict[str, float] = dict(visit.values) | {
            name: compute(visit.values)
            for name, (_, _, compute, parts) in DERIVED.items()
            if all(part in visit.values for part in parts)
        }

        self._with_age = {"age": BY_NAME["age"].default} | self.values

    def truth(self, condition: Condition) -> bool | None:
        return truth(condition, self.values, self.answers)

    def of_vital_sign(self, condition: Condition) -> bool | None:
        return truth(condition, self._with_age, self.answers)

    def complaint(self, row: Complaint) -> list[Fired]:
        """Return the rules of a row that hold; those that give its level are marked as deciding."""
        truths = {each.level: self.truth(each.when) for each in row.modulators}
        held = [each.level for each in row.modulators if truths[each.level]]
        level = row.median
        if any(urgency(each) <= urgency(row.median) for each in held):
            level = most_urgent(*held)
        elif held:
            relief: Level = most_urgent(*held)
            worse = [truths[each] for each in truths if urgency(each) < urgency(relief)]
            level = relief if all(each is False for each in worse) else row.median
        fired = [
            Fired("modulator", each.id, each.level, each.fr, each.en, each.level == level)
            for each in row.modulators
            if each.level in held and urgency(each.level) <= urgency(level)
        ]
        if not any(each.decides for each in fired):
            fired.append(Fired("median", row.id, row.median, row.fr, row.en, decides=True))
        return fired

    def asked(self, undecided: Iterable[Modulator]) -> tuple[Asked, ...]:
        """Return what would have to be known to decide some rules, what could be most urgent first."""
        levels: dict[str, set[Level]] = {}
        for each in undecided:
            for name in unknown(each.when, self.values, self.answers):
                for part in DERIVED[name][3] if name in DERIVED else (name,):
                    if part not in self.values:
                        levels.setdefault(part, set()).add(each.level)
        found = [Asked(name, tuple(sorted(to, key=urgency))) for name, to in levels.items()]
        return tuple(sorted(found, key=lambda each: urgency(each.levels[0])))


def _matters(rule: Modulator, level: Level | None, row: Complaint | None, fired: Iterable[Fired]) -> bool:
    """Say whether a rule that is not decided could change the level."""
    if level is None or urgency(rule.level) < urgency(level):
        return True
    if row is None or rule not in row.modulators or rule.level == level:
        return False
    vital = [each.level for each in fired if each.kind == "vital_sign"]
    held = [
        each.level for each in fired if each.kind == "modulator" and urgency(each.level) <= urgency(level)
    ]
    return not held and all(urgency(each) >= urgency(rule.level) for each in vital)
