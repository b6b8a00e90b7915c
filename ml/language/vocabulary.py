"""The words that carry no concept but steer the reading, from `data/vocabulary.json`.

Words are given as stems (`ml.language.normalising.stem`), phrases of the cues as people write them, without
accents:

- `small_words` are passed over anywhere in a name; `verbs`, `degrees` and `transparent` words may stand
  inside one;
- `capitals` are abbreviations only when written so;
- `common` words are never taken for misspelt medical ones;
- `prefixes` are joined to the word after them, unless it is among `unjoined`;
- `equal` words are read as others;
- `adverbs` may stand inside a cue (`pas formellement exclu`), so may other `inserted` words (`pas d'argument
  ECG pour`);
- `adjoining` cues govern only the name right after them (`hors EP`);
- `opening` words speak of the name before them, where one stands right there (`EP unlikely`);
- `doubtful` words after `mais` leave open what only seemed so (`j'ai cru à une FA, mais à confirmer`);
- `comparisons` rank one diagnosis above another, as folded text;
- `preferences` hold one likelier, which ranks it unless another is left open, as folded text;
- `all_normal` phrases call the whole tracing normal where they are a sentence of their own;
- `changes` pass from one moment or tracing to another, as folded text;
- `foremost` words after a cue of possibility make it likely (`évoque avant tout`);
- `choices` say which of several is taken, as folded text;
- `open` say that something is not excluded, as folded text;
- `turns` end the reach of a negation or a doubt;
- `before` and `after` hold the cues of each stance, by the side of the name they stand on.
"""

import json
from pathlib import Path
from typing import Any

from ml.language.normalising import stem

_CONTENT: dict[str, Any] = json.loads(
    (Path(__file__).parent / "data" / "vocabulary.json").read_text(encoding="utf-8")
)

SMALL_WORDS = frozenset[str](_CONTENT["small_words"])
INNER_NEGATIONS = frozenset({"non", "pas", "not", "n", "ne"})
TRANSPARENT = frozenset[str](_CONTENT["transparent"])
SKIPPED = SMALL_WORDS.union(_CONTENT["verbs"], _CONTENT["degrees"], TRANSPARENT, INNER_NEGATIONS)
CAPITALS = frozenset[str](_CONTENT["capitals"])
COMMON = frozenset[str](_CONTENT["common"])
PREFIXES = frozenset[str](_CONTENT["prefixes"])
UNJOINED = frozenset[str](_CONTENT["unjoined"])
EQUAL: dict[str, str] = _CONTENT["equal"]
TURNS = frozenset[str](_CONTENT["turns"])
COMPARISONS: tuple[str, ...] = tuple(_CONTENT["comparisons"])
ADVERBS = frozenset[str](stem(word) for word in _CONTENT["adverbs"])
INSERTED = ADVERBS.union(stem(word) for word in _CONTENT["inserted"])
ADJOINING = frozenset[str](_CONTENT["adjoining"])
OPENING = frozenset[str](stem(word) for word in _CONTENT["opening"])
DOUBTFUL = frozenset[str](stem(word) for word in _CONTENT["doubtful"])
CHANGES: tuple[str, ...] = tuple(_CONTENT["changes"])
PREFERENCES: tuple[str, ...] = tuple(_CONTENT["preferences"])
CHOICES: tuple[str, ...] = tuple(_CONTENT["choices"])
FOREMOST: tuple[str, ...] = tuple(_CONTENT["foremost"])
LEFT_OPEN: tuple[str, ...] = tuple(_CONTENT["open"])
ALL_NORMAL: tuple[str, ...] = tuple(_CONTENT["all_normal"])
CUES_BEFORE: dict[str, list[str]] = _CONTENT["before"]
CUES_AFTER: dict[str, list[str]] = _CONTENT["after"]
JOINTS = frozenset({",", "et", "ou", "ni", "and", "or", "nor", "/", "+", "&"})
