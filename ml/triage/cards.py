"""The card of a trained model of triage: what it is for and not for, what it knows, how well it does."""

from collections.abc import Mapping

from ml.corrections import Corrections
from ml.registry.manifest import Json
from ml.triage.evaluation import Report
from ml.triage.features import Visit

LICENCE = "MIT; trained on the visits of Moon et al. 2019 (CC BY 4.0)"
CITATION = (
    "Moon SH, Shim JL, Park KS, Park CS. Triage accuracy and causes of mistriage using the Korean Triage and "
    "Acuity Scale. PLoS One 14(9):e0216972 (2019). https://doi.org/10.1371/journal.pone.0216972"
)


def card(
    report: Report,
    settings: Mapping[str, Json],
    corrections: Corrections[Visit],
    data_hash: str,
    code_version: str,
) -> str:
    """Return the card as Markdown."""
    return _CARD.format(
        visits=f"{report.visits:,}",
        figures=report.text(),
        missed="\n".join(f"- **missed** {each}" for each in report.missed()) or "Every aim is reached.",
        parameters="\n".join(f"- {name}: {value}" for name, value in settings.items()),
        corrected=corrections.text(),
        data_hash=data_hash,
        code_version=code_version,
        citation=CITATION,
        licence=LICENCE,
    )


_CARD = """# Triage, XGBoost

**For** teaching the triage of emergency visits and for a second look: it says what level of the Korean scale
(KTAS 1 to 5) experts would give a visit, beside the rules of the FRENCH scale. **Not for** deciding about a
patient: it has been tested on no French visit and is no medical device.

**Learnt from** {visits} visits whose level experts gave in retrospect. Those of the paper cited below are of
adults of 16 and more, in two Korean departments; over half have no oxygen saturation: it is imputed as
98 %.{corrected}

**Fails** for children, whom it has not seen; for what a text does not state; for medicines, history and blood
sugar, which it does not read. The rules of the scale never become less urgent by what it says.

## How well it does

On visits that it had not learnt from, each held out in one of ten folds:

```
{figures}
```

{missed}

## How it was made

{parameters}
- data: {data_hash}
- code: {code_version}

Weights: {licence}. Cite: {citation}
"""
