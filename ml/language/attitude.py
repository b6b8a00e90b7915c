"""How a text stands to what it names: denies it, doubts it, or considered and dropped it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from ml.language.lexicon import SKIPPED, SMALL_WORDS
from ml.language.tokens import Token, tokenise
from ml.language.types import Certainty, Polarity


class _Stance(Enum):
    DENIED = auto()
    REJECTED = auto()
    PROBABLE = auto()
    POSSIBLE = auto()
    REMOTE = auto()
    NEUTRAL = auto()


_BEFORE = {
    _Stance.DENIED: (
        "pas;sans;absence;aucun;ni;jamais;no;not;without;non;nor;neither;lack of;negative for;depourvu;"
        "no evidence of;no sign of;pas de signe;absence de signe;sans signe;aucun signe;exempt;ne montre pas;pas d'aspect"
    ),
    _Stance.REJECTED: (
        "pas d'argument pour;pas d'argument en faveur;aucun argument pour;sans argument pour;absence d'argument pour;"
        "pas en faveur;contre;eliminer;eliminant;"
        "exclure;exclut;excluant;exclusion;ecarter;ecartant;infirme;ne pas conclure;ne pas retenir;pas retenu;"
        "rule out;rules out;ruling out;excludes;argues against;elimine;ecarte;permet d'eliminer;permet d'exclure"
    ),
    _Stance.PROBABLE: (
        "probable;probablement;vraisemblable;vraisemblablement;en faveur;pour moi;plutot;likely;probably;"
        "sans doute;most likely;je pense;semble;paraissant;tres evocateur;very suggestive;in favour;favours"
    ),
    _Stance.POSSIBLE: (
        "suspicion;suspecte;suspecter;suspected;suspect;evoque;evoquer;evoquant;evocateur;evocatrice;possible;"
        "possiblement;possibly;eventuel;eventuellement;peut etre;compatible;discuter;discute;je discute;a discuter;"
        "a eliminer;doute;oriente vers;faire penser;fait penser;temoigner;may be;might be;could be;suggests;"
        "suggesting;suggestive;suggestive of;consistent with;cannot exclude;cannot rule out;"
        "ne peut etre ecarte;ne peut etre exclu;ne peut eliminer;ne peut exclure;ne peut ecarter;ne peut pas eliminer;"
        "ne peut pas exclure;ne peut pas ecarter;"
        "n'elimine pas;ne permet pas d'eliminer;sans pouvoir exclure;sans pouvoir eliminer;sans exclure;"
        "hypothese;differentiel;pas certain;pas sur;concern for;query;si;if;plutot que;plutot qu;plus probable que;plus probable qu;more likely than;rather than;pourrait etre;pouvant"
    ),
    _Stance.REMOTE: (
        "indication;necessitant;necessite;risque;risques;antecedent;a la recherche;pour rechercher;recherche;"
        "risk of;indication for;history of;prevention;requiring"
    ),
    _Stance.NEUTRAL: (
        "pas seulement;non seulement;not only;pas que;pas de doute;aucun doute;no doubt;sans oublier;"
        "pas d'absence;non absence;pas sans;sans negliger;not without;no absence;y compris"
    ),
}
_AFTER = {
    _Stance.DENIED: "absent;non retrouve;non vu;non visible;pas retrouve;pas visible;not seen;none;: non;: aucun;: absent;: 0;: no",
    _Stance.REJECTED: (
        "ecarte;elimine;exclu;infirme;non retenu;pas retenu;n'est pas retenu;peu probable;improbable;ruled out;"
        "excluded;unlikely;tres improbable;tres peu probable"
    ),
    _Stance.PROBABLE: "probable;vraisemblable;likely;plus probable;plutot que;plutot qu;nettement plus probable",
    _Stance.POSSIBLE: (
        "a discuter;a eliminer;possible;non exclu;ne peut etre exclu;ne peut etre ecarte;cannot be excluded;"
        "suspecte;suspected;evoque;discutable;a evoquer;pas exclu;n'est pas exclu;n'est pas elimine;n'est pas ecarte;douteux;differentiel;"
        "eventuel;a confirmer;hypothetique"
    ),
}
_STRONG = frozenset({".", ";", "\n", "(", ")", ":", ">", "!"})
_TURNS = frozenset(
    "mai cependant toutefoi neanmoin pourtant avec but however although with donc hormi sauf except exc pui on car "
    "devant sur du_fait aprè apr therefore so permettant montrant presenc because".split()
)
_HELD_TURNS = frozenset({"compatibl", "consistent", "associ", "rapport"})
_JOINTS = frozenset({",", "et", "ou", "ni", "and", "or", "nor", "/", "+", "&", "v", "versu"})
_ARTICLES = frozenset({"un", "une", "le", "la", "les", "l"})
_EITHER = frozenset({"ou", "or", "v", "versu"})
_REACH = 6


@dataclass(frozen=True, slots=True)
class Mentioned:
    """Where one concept is named, in tokens, and what may be inferred from its kind.

    Attributes
    ----------
    first, last
        Outermost tokens of the name, both included.
    used
        The tokens of the name itself.
    normality
        Whether the concept is itself a normal finding: only a negation right before it denies it.
    attached
        Whether it completes the mention before it (a territory), so that no conjunction is needed between.
    shared
        Whether part of its name is its neighbour's (`bloc de branche gauche ou droit`).
    """

    first: int
    last: int
    used: frozenset[int]
    normality: bool = False
    attached: bool = False
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Attitude:
    """What the text makes of one mention; `doubt` is confidence lost to an unclear scope."""

    polarity: Polarity
    certainty: Certainty
    doubt: float = 0.0


@dataclass(frozen=True, slots=True)
class _Cue:
    stance: _Stance
    first: int
    last: int


class Attitudes:
    """The stances taken in one text, asked about one mention at a time."""

    def __init__(self, tokens: Sequence[Token], mentions: Sequence[Mentioned]) -> None:
        self._keys = [token.key for token in tokens]
        self._owner = {index: mention for mention in mentions for index in mention.used}
        self._before = self._cues(_BEFORE_CUES)
        self._after = self._cues(_AFTER_CUES)
        self._lists = self._negated_lists()

    def towards(self, mention: Mentioned) -> Attitude:
        """Return how the text stands to one of the mentions."""
        stances = {stance: doubt for stance, doubt in self._governing(mention)}
        after = self._following(mention)
        if after is not None:
            stances[after] = 0.0
        if self._questioned(mention):
            stances[_Stance.POSSIBLE] = 0.0
        return _attitude(stances)

    def _cues(self, table: "_CueTable") -> dict[int, _Cue]:
        """Return the longest cue ending at each token, unless a name has taken its words."""
        found: dict[int, _Cue] = {}
        index = 0
        while index < len(self._keys):
            cue = next((each for each in table.at(self._keys, index) if self._is_free(each)), None)
            if cue is not None:
                found[cue.last] = cue
            index = cue.last + 1 if cue is not None else index + 1
        return found

    def _is_free(self, cue: _Cue) -> bool:
        return not any(each in self._owner for each in range(cue.first, cue.last + 1))

    def _governing(self, mention: Mentioned) -> Iterator[tuple[_Stance, float]]:
        """Walk back from a mention, yielding the stances whose scope reaches it."""
        joined, soft, plain_words, crossed = False, 0.0, 0, False
        denial_open = certainty_open = True
        index = mention.first - 1
        while index >= 0 and (denial_open or certainty_open) and plain_words <= _REACH:
            key = self._keys[index]
            cue = self._before.get(index)
            if cue is not None:
                if cue.stance is _Stance.NEUTRAL:
                    return
                negative = cue.stance in {_Stance.DENIED, _Stance.REJECTED}
                if negative and denial_open and (not mention.normality or (plain_words == 0 and not crossed)):
                    yield cue.stance, soft
                    denial_open = False
                elif negative:
                    denial_open = False
                elif certainty_open and not negative:
                    yield cue.stance, soft
                    certainty_open = cue.stance is _Stance.REMOTE
                index = cue.first - 1
                continue
            if self._ends(index):
                return
            other = self._owner.get(index)
            if other is not None and other is not mention:
                if not (joined or mention.attached or other.attached):
                    return
                crossed, joined, index = True, False, min(other.used) - 1
                continue
            if key == ",":
                if index not in self._lists:
                    return
                joined = True
            elif key in _JOINTS:
                joined = True
                if key in {"et", "and", "+"} and not self._repeats_preposition(index):
                    soft = max(soft, 40.0)
            elif key not in SKIPPED:
                plain_words += 1
                denial_open = denial_open and not (
                    index == mention.first - 2 and self._keys[index + 1] in _ARTICLES
                )
            index -= 1

    def _ends(self, index: int) -> bool:
        key = self._keys[index]
        if key in _STRONG or key == "?":
            return True
        return key in _TURNS and not (index > 0 and self._keys[index - 1] in _HELD_TURNS)

    def _repeats_preposition(self, index: int) -> bool:
        return index + 1 < len(self._keys) and self._keys[index + 1] in {
            "de",
            "d",
            "des",
            "du",
            "any",
            "of",
            "ni",
        }

    def _negated_lists(self) -> frozenset[int]:
        """Return the commas of lists that end in `ou X` or `ni X`: a negation before them runs through."""
        kept: set[int] = set()
        pending: list[int] = []
        starts = frozenset(cue.first for cue in self._before.values())
        for index, key in enumerate(self._keys):
            owner = self._owner.get(index)
            if key == "," and not (index + 1 in starts and self._keys[index + 1] != "ni"):
                pending.append(index)
            elif key in {"ou", "or", "ni", "nor"} and self._leads_to_name(index):
                kept.update(pending)
                pending = []
            elif key not in SMALL_WORDS and index not in self._before and (owner is None or owner.normality):
                pending = []
        return frozenset(kept)

    def _leads_to_name(self, index: int) -> bool:
        """Say whether a whole name of its own follows a conjunction."""
        index += 1
        while index < len(self._keys) and self._keys[index] in SMALL_WORDS:
            index += 1
        owner = self._owner.get(index)
        return owner is not None and not owner.shared

    def _following(self, mention: Mentioned) -> _Stance | None:
        """Return the stance stated right after a mention (`HVG absente`, `FA : non`)."""
        index, passed = mention.last + 1, 0
        while index < len(self._keys) and passed <= 4:
            for cue in self._after.values():
                if cue.first == index:
                    return None if self._speaks_of_next(cue) else cue.stance
            key = self._keys[index]
            if index in self._owner or (
                key not in SKIPPED and key != "(" and key not in {"a", "ete", "etre", "fait"}
            ):
                return None
            index, passed = index + 1, passed + 1
        return None

    def _speaks_of_next(self, cue: _Cue) -> bool:
        """Say whether a cue that can stand on either side governs the name after it instead."""
        before = self._before.get(cue.last)
        if before is None or cue.last != before.last:
            return False
        index = cue.last + 1
        while index < len(self._keys) and self._keys[index] in SMALL_WORDS:
            index += 1
        return index in self._owner

    def _questioned(self, mention: Mentioned) -> bool:
        """Say whether the phrase a mention stands in ends with a question mark."""
        for index in range(mention.last + 1, len(self._keys)):
            key = self._keys[index]
            if key == "?":
                return True
            if key == ")" and index + 1 < len(self._keys) and self._keys[index + 1] == "?":
                return True
            if key in _STRONG or key == ",":
                return False
        return False

    def alternatives(self, mentions: Sequence[Mentioned]) -> Iterator[tuple[int, int]]:
        """Yield positions of neighbouring mentions with nothing but an `or` between them."""
        for position, (one, other) in enumerate(zip(mentions, mentions[1:], strict=False)):
            between = [key for key in self._keys[one.last + 1 : other.first] if key not in SMALL_WORDS]
            if len(between) == 1 and between[0] in _EITHER:
                yield position, position + 1


def _attitude(stances: dict[_Stance, float]) -> Attitude:
    if _Stance.REJECTED in stances and _Stance.POSSIBLE not in stances:
        return Attitude(Polarity.ABSENT, Certainty.REJECTED, stances[_Stance.REJECTED])
    if _Stance.DENIED in stances:
        return Attitude(Polarity.ABSENT, Certainty.ASSERTED, stances[_Stance.DENIED])
    if _Stance.REMOTE in stances:
        return Attitude(Polarity.PRESENT, Certainty.POSSIBLE, 45.0)
    if _Stance.POSSIBLE in stances:
        return Attitude(Polarity.PRESENT, Certainty.POSSIBLE, min(5.0, stances[_Stance.POSSIBLE]))
    if _Stance.PROBABLE in stances:
        return Attitude(Polarity.PRESENT, Certainty.PROBABLE, min(5.0, stances[_Stance.PROBABLE]))
    return Attitude(Polarity.PRESENT, Certainty.ASSERTED)


class _CueTable:
    """Cue phrases by their first word, the longest first."""

    def __init__(self, phrases: dict[_Stance, str]) -> None:
        self._by_first: dict[str, list[tuple[tuple[str, ...], _Stance]]] = {}
        for stance, listed in phrases.items():
            for phrase in listed.split(";"):
                keys = tuple(token.key for token in tokenise(phrase))
                self._by_first.setdefault(keys[0], []).append((keys, stance))
        for each in self._by_first.values():
            each.sort(key=lambda pair: -len(pair[0]))

    def at(self, keys: Sequence[str], index: int) -> Iterator[_Cue]:
        """Yield the cues that start at a token, the longest first."""
        for phrase, stance in self._by_first.get(keys[index], ()):
            if tuple(keys[index : index + len(phrase)]) == phrase:
                yield _Cue(stance, index, index + len(phrase) - 1)


_BEFORE_CUES = _CueTable(_BEFORE)
_AFTER_CUES = _CueTable(_AFTER)


def mentions_in(groups: Iterable[tuple[int, ...]]) -> list[Mentioned]:
    """Return plain mentions for groups of token indices."""
    return [Mentioned(used[0], used[-1], frozenset(used)) for used in groups]
