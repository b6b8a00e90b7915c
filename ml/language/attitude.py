"""How a text stands to what it names: denies it, doubts it, or considered and dropped it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ml.language.cues import AFTER, BEFORE, Cue, Stance
from ml.language.tokens import Token
from ml.language.types import Certainty, Polarity
from ml.language.vocabulary import ADJOINING, DOUBTFUL, JOINTS, OPENING, SKIPPED, SMALL_WORDS, TURNS

_STRONG = frozenset({".", ";", "\n", "(", ")", ":", ">", "=>", "!", "?"})
_HELD_TURNS = frozenset({"compatibl", "consistent", "associ", "rapport"})
_PREPOSITIONS = frozenset({"de", "d", "des", "du", "any", "of", "ni"})
_GENITIVES = frozenset({"d", "de", "du", "of"})
_ARTICLES = frozenset({"un", "une", "le", "la", "les", "l"})
_DETERMINED = frozenset({"le", "la", "les", "l", "the", "un", "une", "des", "an", "a"})
_EITHER = frozenset({"ou", "or", "vs", "versu", "voir", "/"})
_BETWEEN = frozenset({"entr", "between"}) | {
    "distinguer",
    "distinguish",
    "departager",
    "differencier",
    "differentiat",
    "discriminer",
    "discriminat",
    "tell",
}
# What stands between two that are set `between X and Y`; `d'un` is made of small words.
_APART: tuple[list[str], ...] = ([], ["et"], ["and"], ["from"], ["avec"])
# May stand beside an `or`, or a `rather`, without changing what it does.
_FILLING = frozenset({"bien", "alor", "encor", "plutot", "peut", "etre", "els", "possibly", "perhap", "mayb"})
_BY_FAR = frozenset({"bien", "beaucoup", "nettement", "loin", "largement", "much", "far", "well", "clearly"})
_ABOVE = frozenset(
    {
        ("devant",),
        ("avant",),
        ("befor",),
        ("plutot", "que"),
        ("plutot", "qu"),
        ("plu", "que"),
        ("plu", "qu"),
        ("rather", "than"),
        ("more", "than"),
        ("ahead",),
        ("over",),
        ("abov",),
        ("emport", "sur"),
        ("prim", "sur"),
        ("pass", "avant"),
        ("pass", "devant"),
    }
)
"""What sets the diagnosis before it above the one after it, small words left out."""
_DOUBLED = frozenset({"aucun", "any"})
_AUXILIARIES = frozenset({"(", "a", "ete", "etre", "fait"})
_ADDED = frozenset({"associ", "associated", "surajout", "concomitant", "sousjacent", "underlying"})
_PASSED = SKIPPED | _AUXILIARIES | _ADDED
_MORE = frozenset({"plutot", "rather", "more", "mieux", "davantag", "likelier"})
_THAN = frozenset({"que", "qu", "than"})
# Before `que` they make a conjunction, and compare nothing: `parce que`, `ainsi que`.
_NO_COMPARISON = frozenset(
    {"parc", "puis", "alor", "tandi", "ainsi", "bien", "vu", "san", "pour", "lor", "apr", "avant", "moin"}
)
_BUT = frozenset({"mai", "but"})
_SHORT = _BUT | {":", "?"}
# Written after a wave they tell its polarity: `onde P (-) en DII`.
_SIGNS = frozenset({"(-)", "0", "ø", "neg", "negativ"})
_WAVES = frozenset(
    {"p", "q", "r", "s", "t", "st", "qrs", "ondep", "ondeq", "onder", "ondes", "ondet", "ond", "wav", "delta"}
)
# After a doubt that follows a comma they tell more of it; other words are what it is put to: `, likely RCA`.
_GOING_ON = (SKIPPED | JOINTS | TURNS | _PREPOSITIONS) - _ARTICLES - {"the"} | {
    "si",
    "if",
    "chez",
    "to",
    "for",
    "pour",
    "dan",
    "secondair",
    "plutot",
    "que",
    "qu",
    "than",
    "as",
    "compt",
    "comm",
}
_REACH = 6
_FARTHEST = 80
_LONGEST_UNKNOWN = 5
_REACH_AFTER = 4
LIMITED_DOUBT = 40.0
_REMOTE_DOUBT = 45.0
_SOFT_DOUBT = 40.0
_POSSIBLE_DOUBT = 12.0
_PROBABLE_DOUBT = 5.0


@dataclass(frozen=True, slots=True)
class Mentioned:
    """Where one concept is named, in tokens, and what may be inferred from its kind.

    Attributes
    ----------
    first, last
        Outermost tokens of the name, both included.
    used
        The tokens of the name itself.
    closely
        Whether only a negation right before it denies it: a normal finding, or a number.
    attached
        Whether it completes the mention before it (a territory), so that no conjunction is needed between.
    shared
        Whether part of its name is its neighbour's (`bloc de branche gauche ou droit`).
    shelf
        What sort of thing it is: a negation passes over a bare `et` only between things of one sort.
    overall
        Whether it calls something normal, which `par ailleurs` limits; anything else it only adds.
    concludes
        Whether it is a diagnosis, which a lone `négatif` after it denies.
    told
        Whether it is put in a tale, of which `on dirait` is a part.
    """

    first: int
    last: int
    used: frozenset[int]
    closely: bool = False
    attached: bool = False
    shared: bool = False
    shelf: str = ""
    overall: bool = False
    concludes: bool = False
    told: bool = False


@dataclass(frozen=True, slots=True)
class Attitude:
    """What the text makes of one mention; `doubt` is confidence lost to an unclear scope."""

    polarity: Polarity
    certainty: Certainty
    doubt: float = 0.0


@dataclass(slots=True)
class _Walk:
    """What has been passed on the way back from a mention."""

    mention: Mentioned
    joined: bool = False
    crossed: bool = False
    soft: float = 0.0
    plain: int = 0
    denial_open: bool = True
    doubt_open: bool = True

    @property
    def over(self) -> bool:
        return self.plain > _REACH or not (self.denial_open or self.doubt_open)


class Attitudes:
    """The stances taken in one text, asked about one mention at a time."""

    def __init__(self, tokens: Sequence[Token], mentions: Sequence[Mentioned]) -> None:
        self._keys = [token.key for token in tokens]
        self._asked = {
            index + 1
            for index, (one, other) in enumerate(pairwise(tokens))
            if one.key == "?" and one.end == other.start  # `?PE`
        }
        self._leads = {index for index, token in enumerate(tokens) if token.lead}
        self._owner = {index: mention for mention in mentions for index in mention.used}
        self._asked.update(self._opened_by_questions())
        self._before = {cue.last: cue for cue in BEFORE.find(self._keys, self._owner)}
        self._after = {cue.first: cue for cue in AFTER.find(self._keys, self._owner)}
        self._before.update((cue.last, cue) for cue in self._compared())
        restating = frozenset(self._restating())
        self._before = {
            last: cue
            for last, cue in self._before.items()
            if not self._speaks_of_last(cue) and cue.first not in restating
        }
        self._openings = {
            index for cue in self._before.values() for index in range(cue.first, cue.last)
        }  # `impossible de | départager`
        self._lists = self._negated_lists()

    def towards(self, mention: Mentioned) -> Attitude:
        """Return how the text stands to one of the mentions."""
        stances = dict(self._governing(mention))
        after = self._following(mention)
        if after is not None:
            kept = {} if after.negative else stances  # `hypothèse de FA, écartée`: the last word counts
            stances = {**kept, after: 0.0}
        if stances.pop(Stance.HARMLESS, None) is not None and not mention.closely:
            stances[Stance.LIMITED] = 0.0
        if stances.pop(Stance.SEEMING, None) is not None:
            stances[Stance.REJECTED if self._taken_back(mention) else Stance.POSSIBLE] = 0.0
        if stances.pop(Stance.LIKENESS, None) is not None and not mention.told:
            stances[Stance.POSSIBLE] = 0.0
        if self._questioned(mention):
            stances[Stance.POSSIBLE] = 0.0
        return _attitude(stances)

    def alternatives(self, mentions: Sequence[Mentioned]) -> Iterator[tuple[int, int]]:
        """Yield positions of mentions that an `or` sets side by side, or a `between X and Y`.

        Those before, of one sort with these and parted by commas only, belong to the same list.
        """
        trailing = self._trailing(mentions)
        for position, (one, other) in enumerate(pairwise(mentions)):
            between = self._between(one, other)
            opened = _BETWEEN.intersection(self._keys[max(0, one.first - 2) : one.first])
            either = [key for key in between if key != "," and key not in _FILLING]
            set_apart = (len(either) == 1 and either[0] in _EITHER) or (opened and between in _APART)
            if set_apart or position in trailing:
                yield position, position + 1
            first = position if set_apart else 0
            while first and self._between(mentions[first - 1], mentions[first]) == [","]:
                first -= 1
                if mentions[first].shelf in {one.shelf, other.shelf}:
                    yield first, position + 1

    def _trailing(self, mentions: Sequence[Mentioned]) -> set[int]:
        """Return the positions of names, but the last, in lists that end in dots: `péricardite, SCA...`."""
        found: set[int] = set()
        trails = False
        for position in range(len(mentions) - 1, -1, -1):
            last = mentions[position].last
            if self._keys[last + 1 : last + 4] == [".", ".", "."]:
                trails = True
                continue
            parted = position + 1 < len(mentions) and _is_comma(
                self._between(mentions[position], mentions[position + 1])
            )
            trails = trails and parted
            if trails:
                found.add(position)
        return found

    def _between(self, one: Mentioned, other: Mentioned) -> list[str]:
        return [key for key in self._keys[one.last + 1 : other.first] if key not in SMALL_WORDS]

    def ranked(self, mentions: Sequence[Mentioned]) -> Iterator[tuple[int, int, bool]]:
        """Yield positions of neighbouring mentions of which the first is set above the other: `TV > TSV`.

        With each, whether it is put in words, which may mean something else: `BBG devant QRS larges`.
        """
        for position, (one, other) in enumerate(pairwise(mentions)):
            between = self._between(one, other)
            above = tuple(key for key in between if key not in _BY_FAR) in _ABOVE
            if (between and set(between) == {">"}) or above:
                yield position, position + 1, ">" not in between

    def _opened_by_questions(self) -> Iterator[int]:
        """Yield the words after a question mark that opens a phrase: `? péricardite`."""
        for index, key in enumerate(self._keys):
            opens = index == 0 or self._keys[index - 1] in _STRONG or self._keys[index - 1] == ","
            if key == "?" and opens:
                yield self._next_word(index + 1)

    def _compared(self) -> Iterator[Cue]:
        """Yield the `que` of a comparison whose first side is a mention: `plutôt FA | que flutter`."""
        since: int | None = None
        for index, key in enumerate(self._keys):
            if key in _STRONG or key == ",":
                since = None
            elif key in _MORE:
                since = index
            elif key in _THAN and since is not None and self._keys[index - 1] not in _NO_COMPARISON:
                named = any(each in self._owner for each in range(since + 1, index))
                if named and self._next_word(index + 1) in self._owner:
                    yield Cue(Stance.POSSIBLE, index, index)

    def _governing(self, mention: Mentioned) -> Iterator[tuple[Stance, float]]:
        """Walk back from a mention, yielding the stances whose scope reaches it."""
        walk = _Walk(mention)
        index = mention.first - 1
        while index >= max(0, mention.first - _FARTHEST) and not walk.over:
            cue = self._before.get(index)
            if cue is None:
                step = self._passed(walk, index)
                if step is None:
                    return
                index = step
                continue
            if cue.stance is Stance.NEUTRAL:
                return
            added = cue.stance is Stance.LIMITED and not mention.overall
            apart = self._keys[cue.first] in ADJOINING and (walk.plain or walk.crossed)
            # `sans | aucun QRS`
            doubled = index == mention.first - 1 and self._keys[mention.first] in _DOUBLED
            if not added and not apart and not doubled and _takes(walk, cue):
                yield cue.stance, walk.soft
            index = cue.first - 1

    def _passed(self, walk: _Walk, index: int) -> int | None:
        """Pass one token on the way back; return where to go on, or nothing where the reach ends."""
        key = self._keys[index]
        if self._ends(index):
            return None
        other = self._owner.get(index)
        if other is not None and other is not walk.mention:
            return self._crossed(walk, index, other)
        if key in JOINTS:
            walk.joined = True
            if key in {"et", "and"} and self._keys[index + 1] in _DETERMINED:
                walk.denial_open = False  # `aucune onde P et les RR varient`: a clause of its own
            if key in {"et", "and", "+"} and not self._repeats_preposition(index):
                walk.soft = _SOFT_DOUBT
        elif key not in SKIPPED:
            walk.plain += 1
            if index == walk.mention.first - 2 and self._keys[index + 1] in _ARTICLES:
                walk.denial_open = key in TURNS  # only a held one gets here: `compatible avec un`
        return index - 1

    def _crossed(self, walk: _Walk, index: int, other: Mentioned) -> int | None:
        """Pass another mention that the same words may govern."""
        belongs = index == walk.mention.first - 2 and self._keys[index + 1] in _GENITIVES
        if not (walk.joined or walk.mention.attached or other.attached or belongs):
            return None
        if belongs or (walk.soft and other.shelf != walk.mention.shelf):
            walk.denial_open = False  # `possibles T amples d'ischémie`: only a doubt goes through
        walk.crossed, walk.joined = True, False
        return min(other.used) - 1

    def _ends(self, index: int) -> bool:
        key = self._keys[index]
        if key == ":" and (opening := self._opened_by(index)) is not None:
            return self._answers(opening.last) or self._closes(opening)
        if key in _STRONG or (key == "," and index not in self._lists and not self._goes_on(index)):
            return True
        return key in TURNS and not (index > 0 and self._keys[index - 1] in _HELD_TURNS)

    def _opened_by(self, colon: int) -> Cue | None:
        """Return the cue that a colon stands after: `absence de :`."""
        index = colon - 1
        while index not in self._before and index > 0 and self._keys[index] in _PREPOSITIONS:
            index -= 1
        return self._before.get(index)

    def _closes(self, cue: Cue) -> bool:
        """Say whether a cue at a colon speaks of the name before it: `péricardite écartée : infarctus`."""
        return cue.first in self._after and self._last_word(cue.first - 1) in self._owner

    def _last_word(self, index: int) -> int:
        while index > 0 and (self._keys[index] in _PASSED or self._keys[index] == ","):
            index -= 1
        return index

    def _speaks_of_last(self, cue: Cue) -> bool:
        """Say whether an adjective that can stand on either side has its name before it: `PE unlikely`."""
        return (
            self._keys[cue.last] in OPENING
            and self._last_word(cue.first - 1) in self._owner
            and self._keys[cue.first - 1] != ","
        )

    def _restating(self) -> Iterator[int]:
        """Yield each lone `soit`: it says again what is before it, as in `axe à -70°, soit un axe gauche`."""
        lone: list[int] = []
        open_choice = False
        for index, key in enumerate((*self._keys, ".")):
            if key in _STRONG:
                if len(lone) == 1 and not open_choice:
                    yield lone[0]
                lone, open_choice = [], False
            elif key == "soit":
                lone.append(index)
            open_choice = open_choice or key in _EITHER

    def _taken_back(self, mention: Mentioned) -> bool:
        """Say whether what seemed so is taken back: `on croirait une FA, mais`."""
        index = mention.last + 1
        while index < len(self._keys) and (self._keys[index] == "," or index in self._leads):
            index += 1
        following = self._keys[index : index + _REACH + 2]
        return not _BUT.isdisjoint(following[:1]) and DOUBTFUL.isdisjoint(following)

    def _answers(self, index: int) -> bool:
        """Say whether a word answers a question put before it: `Dissection ? Non : infarctus`."""
        return index > 0 and self._keys[index - 1] == "?"

    def _goes_on(self, comma: int) -> bool:
        """Say whether a name follows a comma by `de` alone: `absence de BAV, de BBG`."""
        after = self._keys[comma + 1 : comma + 2]
        return bool(after) and after[0] in {"de", "d"} and comma + 2 in self._owner

    def _repeats_preposition(self, index: int) -> bool:
        return index + 1 < len(self._keys) and self._keys[index + 1] in _PREPOSITIONS

    def _negated_lists(self) -> frozenset[int]:
        """Return the commas a negation runs through: in lists ending in `ou X`, `ni X`, or after `:`."""
        kept = set(self._listed_after_colons())
        pending: list[int] = []
        starts = frozenset(cue.first for cue in self._before.values())
        for index, key in enumerate(self._keys):
            owner = self._owner.get(index)
            if key == "," and not (index + 1 in starts and self._keys[index + 1] != "ni"):
                pending.append(index)
            elif key in {"ou", "or", "ni", "nor"} and self._leads_to_name(index):
                kept.update(pending)
                pending = []
            elif key not in SMALL_WORDS and index not in self._before and (owner is None or owner.closely):
                pending = []
        return frozenset(kept)

    def _listed_after_colons(self) -> Iterator[int]:
        """Yield the commas of `absence d'argument pour : SCA, péricardite, EP`."""
        listing = False
        for index, key in enumerate(self._keys):
            if key == ":":
                opening = self._opened_by(index)
                listing = opening is not None and not self._closes(opening)
            elif key in _STRONG:
                listing = False
            elif key == "," and listing:
                yield index

    def _leads_to_name(self, index: int) -> bool:
        """Say whether a whole name of its own follows a conjunction."""
        owner = self._owner.get(self._next_word(index + 1))
        return owner is not None and not owner.shared

    def _next_word(self, index: int) -> int:
        while index < len(self._keys) and self._keys[index] in SMALL_WORDS:
            index += 1
        return index

    def _following(self, mention: Mentioned) -> Stance | None:
        """Return the stance stated right after a mention (`HVG absente`, `FA : non`)."""
        index, passed = mention.last + 1, 0
        while index < len(self._keys) and passed <= _REACH_AFTER:
            cue = self._after.get(index)
            if cue is not None:
                other = (
                    self._speaks_of_next(cue)
                    or self._goes_on_after(cue)
                    or self._tells_polarity(mention, cue)
                )
                return None if other else cue.stance
            owner = self._owner.get(index)
            if owner is not None and not owner.attached:
                return None
            placed = index in self._leads or (self._keys[index] in JOINTS and index + 1 in self._leads)
            if (
                owner is None
                and not placed
                and not self._passes_over(index)
                and self._keys[index] not in _PASSED
            ):
                return None
            index, passed = (owner.last if owner else index) + 1, passed + (not placed)
        return None

    def _goes_on_after(self, cue: Cue) -> bool:
        """Say whether an answer (`FA : non`) begins a phrase (`FA : aucun doute`, `impossible de …`)."""
        following = self._keys[cue.last + 1] if cue.last + 1 < len(self._keys) else "."
        if self._keys[cue.last] == "impossibl" and following in {"de", "d", "to"}:
            return True
        return self._keys[cue.first] in _SHORT and following not in _STRONG and following != ","

    def _tells_polarity(self, mention: Mentioned, cue: Cue) -> bool:
        """Say whether a minus, a nought or `négatif` stands after what it cannot deny: a wave, a number."""
        if self._keys[cue.last] not in _SIGNS:
            return False
        if (
            self._keys[cue.last] == "negativ" and cue.first == cue.last
        ):  # `EP nég`, but `ESV négatives en DII`
            following = self._keys[cue.last + 1] if cue.last + 1 < len(self._keys) else "."
            return not mention.concludes or (following not in _STRONG and following != ",")
        adjoins = self._keys[cue.first] == ":" or (cue.first == mention.last + 1 and not mention.closely)
        return not adjoins or all(self._keys[index] in _WAVES for index in mention.used)

    def _passes_over(self, index: int) -> bool:
        """Say whether a cue follows a comma, a `mais` or one word: `FV débutante pas exclue`."""
        following = self._after.get(index + 1)
        if following is None:
            return False
        wordy = following.last - following.first > 1 and self._keys[index].isalpha()
        gainsaid = self._keys[index] in _BUT and following.stance is not Stance.DENIED
        return self._keys[index] == "," or wordy or gainsaid

    def _speaks_of_next(self, cue: Cue) -> bool:
        """Say whether a cue that stands on either side, or opens a longer one, governs the name after it."""
        if cue.last in self._openings:
            return True
        if cue.last in self._before and self._next_word(cue.last + 1) in self._owner:
            return True
        doubts = cue.stance in {Stance.PROBABLE, Stance.POSSIBLE} and self._keys[cue.first - 1] == ","
        following = self._keys[cue.last + 1 : cue.last + 2]
        names = bool(following) and following[0].isalpha() and following[0] not in _GOING_ON
        return doubts and cue.last in self._before and names

    def _questioned(self, mention: Mentioned) -> bool:
        """Say whether the phrase a mention stands in ends with a question mark, or one is put to its name."""
        if mention.first in self._asked:
            return True
        for index in range(mention.last + 1, min(len(self._keys), mention.last + _FARTHEST)):
            key = self._keys[index]
            if key in _STRONG or key == ",":
                following = self._keys[index + 1] if index + 1 < len(self._keys) else ""
                return key == "?" or (key == ")" and following == "?")
        return False


def _is_comma(between: Sequence[str]) -> bool:
    """Say whether a comma parts two items, or two with an item between that nobody knows."""
    return len(between) <= _LONGEST_UNKNOWN and between[:1] == between[-1:] == [","]


def _takes(walk: _Walk, cue: Cue) -> bool:
    """Say whether a cue governs the mention, and close what it settles."""
    if not cue.stance.negative:
        taken, walk.doubt_open = walk.doubt_open, cue.stance is Stance.REMOTE
        return taken
    taken = walk.denial_open and (not walk.mention.closely or (walk.plain == 0 and not walk.crossed))
    walk.denial_open = False
    return taken


def _attitude(stances: dict[Stance, float]) -> Attitude:
    """Weigh the stances: what is said to hold `except for` something is said with less confidence."""
    limit = LIMITED_DOUBT if stances.pop(Stance.LIMITED, None) is not None else 0.0
    attitude = _weighed(stances)
    return Attitude(attitude.polarity, attitude.certainty, attitude.doubt + limit)


def _weighed(stances: dict[Stance, float]) -> Attitude:
    if Stance.REJECTED in stances and Stance.POSSIBLE not in stances:
        return Attitude(Polarity.ABSENT, Certainty.REJECTED, stances[Stance.REJECTED])
    if Stance.DENIED in stances:
        return Attitude(Polarity.ABSENT, Certainty.ASSERTED, stances[Stance.DENIED])
    if Stance.REMOTE in stances:
        return Attitude(Polarity.PRESENT, Certainty.POSSIBLE, _REMOTE_DOUBT)
    for stance, certainty, doubt in (
        (Stance.POSSIBLE, Certainty.POSSIBLE, _POSSIBLE_DOUBT),
        (Stance.PROBABLE, Certainty.PROBABLE, _PROBABLE_DOUBT),
    ):
        if stance in stances:
            return Attitude(Polarity.PRESENT, certainty, doubt)
    return Attitude(Polarity.PRESENT, Certainty.ASSERTED)
