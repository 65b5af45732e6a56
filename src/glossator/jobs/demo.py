"""The demo's sample images, drawn here: receipts, forms, charts, posters, a screenshot, a photo held in the hand.

All names are invented. The same packages draw the same pictures. Roboto and the Japanese font come with the packages
`font-roboto` and `japanize-matplotlib` (`make demo` installs them); without them Pillow's own font is used and the
Japanese receipt is left out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFilter, ImageFont

Font = Any
_INK, _SOFT, _BLUE, _ORANGE, _GREEN = "#1d2126", "#6a727b", "#2f6f8f", "#e2571e", "#3c8c5d"


def draw(folder: Path) -> Path:
    """Draw all images into `folder` and write `records.jsonl` beside them. Returns that source's path."""
    folder.mkdir(parents=True, exist_ok=True)
    records = []
    for name, kind, caption, make in _scenes():
        make().save(folder / f"{name}.png")
        records.append({"id": name, "image": f"{name}.png", "kind": kind, "caption": caption})
    source = folder / "records.jsonl"
    source.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in records), encoding="utf-8")
    return source


def _scenes() -> list[tuple[str, str, str | None, Callable[[], Image.Image]]]:
    scenes: list[tuple[str, str, str | None, Callable[[], Image.Image]]] = [
        ("receipt-cafe", "receipt", "A till receipt from Blue Door Cafe in Leeds.", _cafe),
        ("receipt-market", "receipt", None, _market),
        ("receipt-in-hand", "receipt", "A photo of a hardware shop receipt, a little askew.", _in_hand),
        ("form-fax", "form", "A fax cover sheet with the sender, the addressee and the subject.", _fax),
        ("form-lab", "form", "A sample submission form of a water laboratory.", _lab),
        ("chart-visitors", "chart", "A bar chart of museum visitors by year.", _visitors),
        ("chart-languages", "chart", "A bar chart that compares what newcomers want to learn.", _languages),
        ("chart-shares", "chart", None, _shares),
        ("poster-jazz", "poster", "A blue concert poster for an open-air jazz evening.", _jazz),
        ("poster-market", "poster", "A notice about a farmers' market.", _farmers),
        ("screenshot-dialog", "screenshot", "A settings dialog of a backup program.", _dialog),
    ]
    if _font_file("japanize_matplotlib", "fonts/ipaexg.ttf"):
        scenes.append(("receipt-japanese", "receipt", "A receipt from a Japanese coffee shop.", _japanese))
    return scenes


# Receipts


def _cafe() -> Image.Image:
    return _receipt(
        ["BLUE DOOR CAFE", "14 Mill Street", "Leeds LS1 4QT", "Tel: 0113 496 0182", "VAT No: GB 482 1937 05"],
        [("Date: 14/03/2026", "Time: 10:42"), ("Receipt No: 20417", "Table: 6")],
        [("Flat White", "3.40"), ("Cappuccino", "3.60"), ("Cheese Scone", "2.95"), ("Orange Juice", "2.80")],
        [
            ("Subtotal", "12.75"),
            ("Service Charge", "1.25"),
            ("TOTAL", "£14.00"),
            ("Cash", "£20.00"),
            ("Change", "£6.00"),
        ],
        "Thank you, see you again!",
    )


def _market() -> Image.Image:
    return _receipt(
        ["HARBOUR FRESH MARKET LTD", "2 Quayside Road", "Bristol BS1 6TF", "VAT No: GB 771 5502 19"],
        [("Invoice No: HF-88213", "02/05/2026 17:25"), ("Cashier: Maya", "Till: 03")],
        [
            ("Sourdough Loaf", "4.20"),
            ("Cherry Tomatoes", "2.75"),
            ("Salted Butter", "2.35"),
            ("Olive Oil 500ml", "8.90"),
        ],
        [("Subtotal", "18.20"), ("Discount", "-1.20"), ("TOTAL", "£17.00"), ("Visa Card", "£17.00")],
        "Goods can be returned within 14 days",
    )


def _hardware() -> Image.Image:
    return _receipt(
        ["NORTHGATE HARDWARE STORE", "87 Castle Lane", "York YO1 9SB", "Phone: 01904 555 013"],
        [("Date: 21/01/2026", "No: 5530")],
        [("Wood Screws 4x40", "5.49"), ("Paint Brush", "3.75"), ("Masking Tape", "2.76")],
        [("Total", "12.00"), ("Cash", "15.00"), ("Change", "3.00")],
        "Please keep this receipt",
    )


def _in_hand() -> Image.Image:
    """The hardware receipt as a photo: turned, in perspective, on a table, with a shadow and a little blur."""
    receipt = _hardware().convert("RGBA")
    width, height = receipt.size
    tilted = receipt.transform(
        (width, height),
        Image.Transform.QUAD,
        (-12, -6, 4, height + 10, width + 14, height - 4, width - 2, 8),
        Image.Resampling.BICUBIC,
    ).rotate(3.2, Image.Resampling.BICUBIC, expand=True)
    photo = Image.new("RGB", (tilted.width + 160, tilted.height + 140), "#8a6f55")
    shadow = Image.new("L", photo.size, 0)
    shadow.paste(tilted.getchannel("A").point(lambda a: a * 0.6), (96, 86))
    photo.paste("#3b2d20", (0, 0), shadow.filter(ImageFilter.GaussianBlur(16)))
    photo.paste(tilted, (80, 66), tilted)
    shade = Image.linear_gradient("L").resize(photo.size).rotate(90).point(lambda v: 255 - v // 5)
    return Image.composite(photo, Image.new("RGB", photo.size, "#2a2018"), shade).filter(ImageFilter.GaussianBlur(0.6))


def _japanese() -> Image.Image:
    return _receipt(
        ["青葉珈琲店", "東京都文京区本郷3-12-5", "電話: 03-5550-0142"],
        [("日付: 2026年3月14日", "No: 0057")],
        [("コーヒー", "¥480"), ("チーズケーキ", "¥620"), ("紅茶", "¥450")],
        [("合計", "¥1,550"), ("お預かり", "¥2,000"), ("お釣り", "¥450")],
        "ありがとうございました",
        script="japanese",
    )


def _receipt(
    head: Sequence[str],
    facts: Sequence[tuple[str, str]],
    items: Sequence[tuple[str, str]],
    sums: Sequence[tuple[str, str]],
    foot: str,
    script: str = "latin",
) -> Image.Image:
    width, margin, step = 620, 46, 40
    rows = len(head) + len(facts) + len(items) + len(sums) + 5
    image = Image.new("RGB", (width, rows * step + 2 * margin), "#fdfdfb")
    pen = ImageDraw.Draw(image)
    y = margin
    for i, line in enumerate(head):
        pen.text((width / 2, y), line, _INK, _font(32 if i == 0 else 25, bold=i == 0, script=script), anchor="ma")
        y += step + (8 if i == 0 else -4)
    for block in (facts, items, sums):
        y += 14
        pen.line((margin, y, width - margin, y), "#9aa0a6", 2)
        y += 14
        for left, right in block:
            strong = left in ("TOTAL", "Total", "合計")
            pen.text((margin, y), left, _INK, _font(26, bold=strong, script=script))
            pen.text((width - margin, y), right, _INK, _font(26, bold=strong, script=script), anchor="ra")
            y += step
    pen.text((width / 2, y + 24), foot, _SOFT, _font(23, script=script), anchor="ma")
    return image


# Forms


def _fax() -> Image.Image:
    return _form(
        "FAX COVER SHEET",
        "Ridgeway & Holt Consulting",
        [
            ("To", "Alina Marchetti"),
            ("From", "Tobias Renner"),
            ("Date", "9 February 2026"),
            ("Fax number", "020 7946 0311"),
            ("Pages", "4"),
            ("Subject", "Renewal of the service contract"),
            ("Reference", "RH-2026-0117"),
        ],
        "Please confirm receipt by telephone before Friday.",
    )


def _lab() -> Image.Image:
    return _form(
        "SAMPLE SUBMISSION FORM",
        "Lakeside Water Laboratory",
        [
            ("Sample ID", "LW-40528"),
            ("Client", "Fernhill Dairy Ltd"),
            ("Collected by", "Priya Nandakumar"),
            ("Date collected", "17/04/2026"),
            ("Container", "Glass bottle, 500 ml"),
            ("Temperature", "6 °C"),
            ("Analysis", "Nitrate and lead"),
        ],
        "Results are sent within ten working days.",
    )


def _form(title: str, company: str, fields: Sequence[tuple[str, str]], foot: str) -> Image.Image:
    image = Image.new("RGB", (900, 1100), "white")
    pen = ImageDraw.Draw(image)
    pen.text((70, 60), company, _SOFT, _font(26))
    pen.text((70, 104), title, _INK, _font(48, bold=True))
    pen.line((70, 184, 830, 184), _INK, 3)
    for i, (label, value) in enumerate(fields):
        y = 240 + i * 92
        pen.text((70, y), f"{label}:", _SOFT, _font(26))
        pen.text((320, y - 2), value, _INK, _font(29))
        pen.line((310, y + 42, 830, y + 42), "#c5c9ce", 2)
    pen.text((70, 980), foot, _SOFT, _font(24))
    return image


# Charts


def _visitors() -> Image.Image:
    years, values = ["2019", "2020", "2021", "2022", "2023", "2024"], [410, 128, 205, 364, 452, 517]
    image, pen = _canvas("Visitors to the Tidewater Museum", "Thousands of visitors a year")
    left, right, floor, ceiling = 110, 1040, 620, 190
    pen.line((left, floor, right, floor), _INK, 2)
    pitch = (right - left) / len(values)
    for i, (year, value) in enumerate(zip(years, values, strict=True)):
        x = left + (i + 0.5) * pitch
        top = floor - (floor - ceiling) * value / 560
        pen.rectangle((x - 0.3 * pitch, top, x + 0.3 * pitch, floor), _BLUE)
        pen.text((x, top - 36), str(value), _INK, _font(26), anchor="ma")
        pen.text((x, floor + 14), year, _INK, _font(26), anchor="ma")
    pen.text((70, 710), "Source: Tidewater Museum annual report, 2024.", _SOFT, _font(23))
    return image


def _languages() -> Image.Image:
    rows = [("Python", 62), ("Cooking", 48), ("Spanish", 41), ("Photography", 33), ("First aid", 24), ("Guitar", 19)]
    image, pen = _canvas("What newcomers want to learn first", "% of 1,204 members asked in May 2026")
    for i, (name, value) in enumerate(rows):
        y = 210 + i * 76
        pen.text((280, y), name, _INK, _font(28), anchor="rm")
        pen.rectangle((300, y - 24, 300 + value * 10, y + 24), _GREEN)
        pen.text((316 + value * 10, y), str(value), _INK, _font(28), anchor="lm")
    pen.text((70, 710), "Source: Elm Street Library survey.", _SOFT, _font(23))
    return image


def _shares() -> Image.Image:
    rows = [("Households", 38, 45), ("Farming", 27, 22), ("Industry", 24, 19), ("Losses", 11, 14)]
    image, pen = _canvas("Where the city's water goes", "% of all water delivered, by use")
    for x, year in ((480, "2015"), (760, "2025")):
        pen.text((x, 200), year, _SOFT, _font(28, bold=True), anchor="mm")
    for i, (name, first, second) in enumerate(rows):
        y = 276 + i * 92
        pen.text((320, y), name, _INK, _font(28), anchor="rm")
        for x, value, colour in ((480, first, _BLUE), (760, second, _ORANGE)):
            pen.rectangle((x - 2 * value, y - 26, x + 2 * value, y + 26), colour)
            pen.text((x, y), str(value), "white", _font(26, bold=True), anchor="mm")
    pen.text((70, 710), "Source: Millbrook Water Board.", _SOFT, _font(23))
    return image


def _canvas(title: str, subtitle: str) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("RGB", (1120, 780), "white")
    pen = ImageDraw.Draw(image)
    pen.text((70, 46), title, _INK, _font(40, bold=True))
    pen.text((70, 104), subtitle, _SOFT, _font(27))
    return image, pen


# Posters and a screenshot


def _jazz() -> Image.Image:
    image = Image.new("RGB", (900, 1240), "#16324a")
    pen = ImageDraw.Draw(image)
    for i in range(9):
        pen.ellipse((420 - 46 * i, 720 - 46 * i, 1240 + 20 * i, 1540 + 20 * i), outline="#24506f", width=3)
    pen.text((70, 120), "SUMMER JAZZ", "#ffd166", _font(104, bold=True))
    pen.text((70, 236), "UNDER THE STARS", "#ffd166", _font(74, bold=True))
    lines = [
        "Saturday, 18 July 2026",
        "Doors open at 19:30",
        "Riverside Park, Millbrook",
        "Tickets from £12",
        "www.millbrookjazz.org",
    ]
    for i, line in enumerate(lines):
        pen.text((70, 420 + i * 84), line, "white", _font(46))
    pen.text((70, 1130), "Bring a blanket. Food and drinks on site.", "#9fc3dc", _font(32))
    return image


def _farmers() -> Image.Image:
    image = Image.new("RGB", (1000, 760), "#f4efe2")
    pen = ImageDraw.Draw(image)
    pen.rectangle((30, 30, 970, 730), outline=_GREEN, width=8)
    pen.text((500, 90), "FARMERS' MARKET", _GREEN, _font(92, bold=True), anchor="ma")
    lines = ["Every Thursday on Chapel Square", "8:00 to 13:00, April to October", "Fruit, bread, cheese and honey"]
    for i, line in enumerate(lines):
        pen.text((500, 270 + i * 84), line, _INK, _font(44), anchor="ma")
    pen.text((500, 560), "Questions: market@chapelsquare.org", _INK, _font(36), anchor="ma")
    return image


def _dialog() -> Image.Image:
    image = Image.new("RGB", (1100, 700), "#dfe4ea")
    pen = ImageDraw.Draw(image)
    pen.rounded_rectangle((120, 70, 980, 630), 14, "white", "#aab2bb", 2)
    pen.rounded_rectangle((120, 70, 980, 136), 14, "#2b3947")
    pen.text((150, 84), "Backup Settings", "white", _font(34, bold=True))
    rows = [
        ("Target folder:", "/volumes/archive"),
        ("Next backup:", "12/06/2026"),
        ("Start time:", "02:30"),
        ("Disk space used:", "71 %"),
    ]
    for i, (label, value) in enumerate(rows):
        y = 190 + i * 78
        pen.text((170, y), label, _SOFT, _font(28))
        pen.rounded_rectangle((470, y - 12, 920, y + 46), 8, "#f5f7f9", "#c5ccd4", 2)
        pen.text((490, y), value, _INK, _font(28))
    for x, label, fill, ink in ((600, "Cancel", "#e9edf1", _INK), (780, "Save", _BLUE, "white")):
        pen.rounded_rectangle((x, 540, x + 150, 598), 10, fill)
        pen.text((x + 75, 569), label, ink, _font(28, bold=True), anchor="mm")
    return image


# Fonts


@cache
def _font(size: int, *, bold: bool = False, script: str = "latin") -> Font:
    if script == "japanese":
        path = _font_file("japanize_matplotlib", "fonts/ipaexg.ttf")
    else:
        path = _font_file("font_roboto", f"files/Roboto-{'Bold' if bold else 'Regular'}.ttf")
    return ImageFont.truetype(str(path), size) if path else ImageFont.load_default(size)


def _font_file(package: str, name: str) -> Path | None:
    """A font inside an installed package, which is never imported."""
    spec = find_spec(package)
    path = Path(spec.origin).parent / name if spec and spec.origin else None
    return path if path and path.is_file() else None
