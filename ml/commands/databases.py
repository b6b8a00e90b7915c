"""`download`: bring a public database into a folder."""

import argparse
import sys

from ml.databases import DownloadError
from ml.databases import download as bring


def download(options: argparse.Namespace) -> int:
    """Fetch and verify; 1 when a file is missing or damaged, each named."""
    try:
        files = bring(options.database, options.output, options.mirror, _tell)
    except DownloadError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{options.output}: {files} files, as published")
    return 0


def _tell(done: int, files: int) -> None:
    """Show on a terminal how far it is."""
    if sys.stderr.isatty():
        print(f"\r{done} of {files} files", end="" if done < files else "\n", file=sys.stderr, flush=True)
