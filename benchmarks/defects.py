"""What the embedded scorer and the default filter see of planted defects, pages read by RapidOCR.

    python benchmarks/defects.py [--data ../shared/data/records.jsonl] [--kind receipt] [--out FOLDER]

The same as `glossator defects`, for several kinds of image. Takes about 20 minutes a kind on two cores.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

from glossator.measure import measure_defects, table_text

# What the four scores and the FFD beside the image need; the other conditions would double the time.
SETTINGS: dict[str, Any] = {"score.conditions": ["a", "a_q", "a_qi", "r_s", "r_qas", "r_si", "r_qasi"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared/data/records.jsonl")
    parser.add_argument("--kind", action="append", dest="kinds", help="repeatable; default: receipt, form, chart")
    parser.add_argument("--out", type=Path, help="keep the workspaces here; run again, it goes on")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        for kind in options.kinds or ("receipt", "form", "chart"):
            out = (options.out or Path(temporary)) / kind
            found = measure_defects(options.data, out, kinds=[kind], **SETTINGS)
            print(table_text(found), flush=True)


if __name__ == "__main__":
    main()
