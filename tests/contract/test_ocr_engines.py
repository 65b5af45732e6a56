"""What every OCR engine promises. A new engine is added to `ENGINES` and passes the same tests."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw, ImageFont

from glossator.engines.base import OcrEngine, Reading, Runtime, Session
from glossator.engines.registry import build, engine_class, parse_spec
from glossator.recipe import EngineSpec
from glossator.records import ImageRecord, Sample, Span
from glossator.results import Failed

REAL = ["rapidocr", "ppocrv5", "tesseract", "ensemble"]
ENGINES = ["given", "fake", *(pytest.param(kind, marks=pytest.mark.model) for kind in REAL)]
LINES = ["CORNER SHOP", "Date 2018-03-18", "TOTAL 28.00"]
_built: dict[str, OcrEngine] = {}


class NoReplies:
    """No engine here buys anything."""

    def get(self, key: str) -> dict[str, Any] | None:
        raise AssertionError("an OCR engine asked for a bought reply")

    def put(self, key: str, reply: dict[str, Any]) -> None:
        raise AssertionError("an OCR engine stored a bought reply")


def engine(kind: str) -> OcrEngine:
    if kind not in _built:
        _built[kind] = build("ocr", EngineSpec(kind=kind), Runtime(threads=1))
    return _built[kind]


def draw(path: Path, lines: Sequence[str] = LINES, size: tuple[int, int] = (500, 260), gap: int = 70) -> Image.Image:
    image = Image.new("RGB", size, "white")
    font = ImageFont.load_default(32)
    for i, line in enumerate(lines):
        ImageDraw.Draw(image).text((30, 30 + gap * i), line, fill="black", font=font)
    image.save(path)
    return image


def sample(path: Path, spans: tuple[Span, ...] | None = None) -> Sample:
    width, height = (500, 260)
    if path.exists():
        with Image.open(path) as image:
            width, height = image.size
    record = ImageRecord(path.stem, path.stem, path.name, "", width, height, given_ocr=spans)
    return Sample(str(path.parent), record)


def read(kind: str, *samples: Sample) -> list[Any]:
    return engine(kind).read(samples, Session(replies=NoReplies()))


@pytest.fixture
def page(tmp_path: Path) -> Sample:
    draw(tmp_path / "page.png")
    return sample(
        tmp_path / "page.png", tuple(Span(line, (30, 70.0 * i, 200, 70.0 * i + 30)) for i, line in enumerate(LINES))
    )


@pytest.mark.parametrize("kind", ENGINES)
def test_one_reading_per_sample_in_order(kind: str, page: Sample) -> None:
    done: list[int] = []
    readings = engine(kind).read([page, page, page], Session(replies=NoReplies(), progress=done.append))
    assert len(readings) == 3
    assert sum(done) == 3
    assert readings[0] == readings[1] == readings[2]
    assert isinstance(readings[0], Reading)
    assert readings[0].engine
    assert engine(kind).read([], Session(replies=NoReplies())) == []


@pytest.mark.parametrize("kind", ENGINES)
def test_spans_are_text_inside_the_image(kind: str, page: Sample) -> None:
    (reading,) = read(kind, page)
    assert reading.spans
    for span in reading.spans:
        x0, y0, x1, y1 = span.box
        assert 0 <= x0 < x1 <= page.image.width
        assert 0 <= y0 < y1 <= page.image.height
        assert 0 <= span.confidence <= 1
        assert span.text.strip() == span.text != ""


@pytest.mark.parametrize("kind", ENGINES)
def test_identity_is_plain_json_and_parallelism_is_sound(kind: str) -> None:
    cls = engine_class("ocr", kind)
    identity = cls.identity(parse_spec("ocr", EngineSpec(kind=kind)), "ocr")
    assert json.loads(json.dumps(identity)) == identity
    for cores in (1, 2, 64):
        workers, threads = cls.parallelism(cores)
        assert 0 <= workers <= cores
        assert 1 <= threads <= cores


def test_given_without_ocr_is_missing(tmp_path: Path) -> None:
    (found,) = read("given", sample(tmp_path / "page.png"))
    assert isinstance(found, Failed)
    assert found.category == "missing"


# rapidocr


pytestmark = pytest.mark.filterwarnings("error::ResourceWarning")


def texts(found: Any) -> list[str]:
    assert isinstance(found, Reading), found
    return [span.text for span in found.spans]


@pytest.mark.model
def test_rapidocr_reads_what_is_printed(page: Sample) -> None:
    (found,) = read("rapidocr", page)
    assert sorted(texts(found)) == sorted(LINES)
    total = next(span for span in found.spans if span.text.startswith("TOTAL"))
    assert total.box == pytest.approx((30, 175, 225, 205), abs=16)


@pytest.mark.model
def test_rapidocr_needs_no_network_and_says_nothing(
    page: Sample, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise AssertionError("the engine wants the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    root = logging.getLogger()
    before = (root.level, list(root.handlers))
    fresh = build("ocr", EngineSpec(kind="rapidocr"), Runtime(threads=1))
    assert texts(fresh.read([page], Session(replies=NoReplies()))[0])
    assert (root.level, list(root.handlers)) == before
    assert capfd.readouterr() == ("", "")


@pytest.mark.model
def test_rapidocr_on_a_page_without_text(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for size in ((300, 200), (1, 1), (3, 900), (2000, 5)):
        draw(tmp_path / "empty.png", [], size)
        assert texts(read("rapidocr", sample(tmp_path / "empty.png"))[0]) == []
    assert capfd.readouterr() == ("", "")


@pytest.mark.model
def test_rapidocr_on_files_that_are_gone_or_broken(tmp_path: Path) -> None:
    draw(tmp_path / "good.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "good.png").read_bytes()[:-400])
    gone, cut, good = read("rapidocr", *(sample(tmp_path / f"{name}.png") for name in ("gone", "cut", "good")))
    assert (gone.category, cut.category) == ("missing", "truncated")
    assert sorted(texts(good)) == sorted(LINES)


@pytest.mark.model
def test_rapidocr_boxes_are_those_of_the_rotated_picture(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    upright = draw(tmp_path / "page.png")
    upright.rotate(90, expand=True).save(tmp_path / "turned.jpg", exif=exif, quality=95)
    plain, turned = read("rapidocr", sample(tmp_path / "page.png"), sample(tmp_path / "turned.jpg"))
    assert sorted(texts(turned)) == sorted(texts(plain))
    for one, other in zip(sorted(plain.spans, key=_top), sorted(turned.spans, key=_top), strict=True):
        assert other.box == pytest.approx(one.box, abs=6)


def _top(span: Span) -> float:
    return span.box[1]


@pytest.mark.model
@pytest.mark.parametrize("wide", [False, True])
def test_rapidocr_reads_very_long_pictures(tmp_path: Path, wide: bool) -> None:
    if wide:
        image = Image.new("RGB", (9000, 300), "white")
        places = [(700 * i + 40, 120) for i in range(12)]
    else:
        image = Image.new("RGB", (600, 9000), "white")
        places = [(40, 300 * i + 95) for i in range(30)]
    for i, place in enumerate(places):
        ImageDraw.Draw(image).text(place, f"NUMBER {1000 + i}", fill="black", font=ImageFont.load_default(36))
    image.save(tmp_path / "long.png")
    (found,) = read("rapidocr", sample(tmp_path / "long.png"))
    read_numbers = " ".join(text for text in texts(found)).replace(" ", "")
    assert [read_numbers.count(str(1000 + i)) for i in range(len(places))] == [1] * len(places)


@pytest.mark.model
def test_rapidocr_turns_a_line_that_stands_upright(tmp_path: Path) -> None:
    image = Image.new("RGB", (700, 600), "white")
    strip = Image.new("RGB", (400, 50), "white")
    ImageDraw.Draw(strip).text((5, 5), "Number of visitors", fill="black", font=ImageFont.load_default(32))
    image.paste(strip.rotate(90, expand=True), (40, 100))
    ImageDraw.Draw(image).text((200, 30), "Visitors by month of year", fill="black", font=ImageFont.load_default(32))
    image.save(tmp_path / "chart.png")
    (found,) = read("rapidocr", sample(tmp_path / "chart.png"))
    assert sorted(texts(found)) == ["Number of visitors", "Visitors by month of year"]
