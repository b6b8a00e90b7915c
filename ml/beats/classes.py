"""The kinds of beats: those the product names, those of the AAMI, and PhysioNet's codes for both."""

from collections.abc import Mapping

FAMILY = "beats"
"""What the registry calls this classifier."""

PRODUCT_CLASSES = ("Normal", "LBBB", "RBBB", "APB", "PVC")
PRODUCT_CODES: Mapping[str, str] = {"N": "Normal", "L": "LBBB", "R": "RBBB", "A": "APB", "V": "PVC"}
CHAMPION_CODES: Mapping[str, str] = {
    **PRODUCT_CODES,
    **dict.fromkeys("aJS", "APB"),  # premature, from above the ventricles, as the AAMI has it
    "E": "PVC",
}
"""What the shipped champion learns from; beats of other codes it sees only around these."""

CONDUCTIONS = ("Normal", "LBBB", "RBBB")
"""What a beat that follows the usual rhythm may be."""
UNTOLD = "svdb"
"""The database whose annotators told no bundle branch block: its normal beats may be any of `CONDUCTIONS`."""

AAMI_CLASSES = ("N", "S", "V", "F", "Q")
AAMI_CODES: Mapping[str, str] = {
    **dict.fromkeys("NLRBejn", "N"),  # normal, bundle branch blocks, escape beats from above the ventricles
    **dict.fromkeys("AaJS", "S"),  # premature, from above the ventricles
    **dict.fromkeys("VEr", "V"),  # from the ventricles
    "F": "F",  # fusion of a normal and a ventricular beat
    **dict.fromkeys("/fQ?", "Q"),  # paced, fusion with a paced beat, unclassifiable
}
"""ANSI/AAMI EC57, as de Chazal (2004) applies it."""

AAMI_OF_PRODUCT: Mapping[str, str] = {name: AAMI_CODES[code] for code, name in PRODUCT_CODES.items()}
"""How an answer of the product's classes is judged by the AAMI's: nothing it says is F or Q."""
