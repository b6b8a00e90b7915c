"""`evaluate language`: how well texts about ECGs are read."""

import argparse
import json
import os
import sys
from dataclasses import asdict

from ml.language.agreement import RulingsError, agreement
from ml.language.endpoint import LanguageModelSettings
from ml.language.evaluation import evaluate as measure


def evaluate(options: argparse.Namespace) -> int:
    """Print the figures of the data, of the rulings or of both."""
    figures: dict[str, object] = {}
    if options.data:
        report = measure(options.data, model=_configured_model() if options.language_model else None)
        print(report.text())
        figures |= asdict(report)
    if options.rulings:
        try:
            agreed = agreement(options.rulings)
        except RulingsError as error:
            print(error, file=sys.stderr)
            return 2
        print(agreed.text())
        figures["rulings"] = asdict(agreed)
    if not figures:
        print("nothing to measure on: give --data, --rulings or both", file=sys.stderr)
        return 2
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return 0


def _configured_model() -> LanguageModelSettings:
    base_url, key = os.environ.get("OPENAI_BASE_URL"), os.environ.get("OPENAI_API_KEY")
    if not base_url and not key:
        raise OSError("no language model: set OPENAI_BASE_URL or OPENAI_API_KEY")
    return LanguageModelSettings(
        api_key=key or "none",
        model=os.environ.get("OPENAI_MODEL", "gpt-4o-mini"),
        base_url=base_url,
        input_price=float(os.environ.get("CHEVET_MODEL_INPUT_PRICE", "0.15")),
        output_price=float(os.environ.get("CHEVET_MODEL_OUTPUT_PRICE", "0.60")),
    )
