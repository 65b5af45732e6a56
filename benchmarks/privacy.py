"""Personal data, languages and word lists against human truth: python benchmarks/privacy.py ../shared/data

The truth for telephone numbers and e-mail addresses on the pages with human text was made by hand;
`privacy_truth.json` holds it as hashes, so that nothing of the pages is copied. What no real page shows (cards, IBANs,
identity numbers, hidden characters) is planted among texts as receipts print them.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import re
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from stdnum import iban, luhn
from stdnum.es import dni

import glossator
from glossator.intervals import Interval, mean
from glossator.layout.reading_order import lines_text
from glossator.privacy.languages import language
from glossator.privacy.masking import Looker, masked
from glossator.privacy.personal import REGIONS, Sort, find
from glossator.privacy.profanity import WordList
from glossator.privacy.view import view
from glossator.records import ImageRecord, Pair, Sample, Span
from glossator.schemas import from_arrow
from glossator.stages.inspect import InspectSettings, InspectStage

TRUTH = Path(__file__).with_name("privacy_truth.json")
Values = dict[str, set[str]]


def hashed(sort: str, shown: str) -> str:
    """A value without what stands between its letters and digits, as the truth holds it."""
    plain = view(shown).text.casefold()
    kept = re.sub(r"\D", "", plain) if sort == "phone" else re.sub(r"\s", "", plain)
    return hashlib.sha256(kept.encode()).hexdigest()[:12]


def pages(data: Path) -> dict[str, tuple[str, str]]:
    """By record: its kind or language, and its human text line by line."""
    found = {}
    for name in ("records.jsonl", "more.jsonl"):
        for row in map(json.loads, (data / name).read_text(encoding="utf-8").splitlines()):
            spans = [Span(one["text"], tuple(one["box"])) for one in row.get("ocr") or () if one.get("box")]
            if spans and row["kind"] != "table":
                found[row["id"]] = (row.get("lang") or "en", lines_text(spans))
    return found


def on_page(text: str, sort: Sort, regions: Sequence[str]) -> set[str]:
    """The hashes of what is found, line by line."""
    lines = text.split("\n")
    return {hashed(sort, line[one.start : one.end]) for line in lines for one in find(line, [sort], regions=regions)}


def share(values: Sequence[bool], clusters: Sequence[str]) -> str:
    """A share with its interval, in percent, and its counts."""
    found: Interval = mean([float(value) for value in values], clusters)
    return f"{found.text()} ({sum(values)} of {len(values)})"


def human_pages(texts: dict[str, tuple[str, str]], truth: dict[str, Values]) -> None:
    """Precision and recall on real pages, and false alarms of the sorts that none of them shows."""
    countries = {"none": (), "default": REGIONS, "default and MY": (*REGIONS, "MY"), "US and MY": ("US", "MY")}
    cases: list[tuple[Sort, str, Sequence[str]]] = [("phone", name, some) for name, some in countries.items()]
    for sort, name, regions in [*cases, ("email", "-", ())]:
        found = {page: on_page(text, sort, regions) for page, (_, text) in texts.items()}
        wanted = {page: set(truth[sort].get(page, ())) for page in texts}
        right = [(value in wanted[page], page) for page in texts for value in sorted(found[page])]
        seen = [(value in found[page], page) for page in texts for value in sorted(wanted[page])]
        precision, recall = (share(*zip(*some, strict=True)) for some in (right, seen))
        print(f"{sort}, countries {name}: precision {precision}, recall {recall}")
    for other in ("card", "iban", "national_id", "ip"):
        alarms = sum(len(on_page(text, other, ())) for _, text in texts.values())
        print(f"{other}: {alarms} false alarms on {len(texts)} pages")


def built_pairs(data: Path, truth: dict[str, set[str]]) -> None:
    """The stages `inspect` and `mask` on pairs that the grounded writer makes of the pages, from end to end."""
    kept = [row for row in map(json.loads, (data / "records.jsonl").read_text("utf-8").splitlines()) if row.get("ocr")]
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "records.jsonl"
        source.write_text("\n".join(map(json.dumps, kept)), encoding="utf-8")
        shutil.copytree(data / "images", Path(folder) / "images")
        stages = [{"use": use, "engine": {"kind": "grounded"}} for use in ("enrich", "extract", "explain")]
        tree = [{"use": "ocr", "engine": {"kind": "given"}}, *stages, {"use": "inspect"}, {"use": "filter"}]
        recipe = Path(folder) / "recipe.yaml"
        recipe.write_text(json.dumps({"stages": tree}), encoding="utf-8")
        ws = glossator.build(source, Path(folder) / "ws", recipe)
        pairs, rows = ws.table("pairs"), ws.table("inspections").to_pylist()
        records: list[Pair] = from_arrow("pairs", pairs)
    holds = [_holds(pair, truth.get(pair.source_id, set())) for pair in records]
    flagged = ["phone" in row["personal"] for row in rows]
    pages_of = [pair.source_id for pair in records]
    right = [(hold, page) for hold, flag, page in zip(holds, flagged, pages_of, strict=True) if flag]
    seen = [(flag, page) for hold, flag, page in zip(holds, flagged, pages_of, strict=True) if hold]
    precision, recall = (share(*zip(*some, strict=True)) for some in (right, seen))
    print(f"{len(records)} built pairs, phone: precision {precision}, recall {recall}")
    left = sum(_holds(masked(pair, Looker()), truth.get(pair.source_id, set())) for pair in records)
    others = Counter(sort for row in rows for sort in row["personal"])
    print(f"pairs that hold a true number: {sum(holds)}, after masking {left}; all that was found: {dict(others)}")


def _holds(pair: Pair, true: set[str]) -> bool:
    """Whether a true number stands in the pair's question, answer or explanation, however it is parted."""
    for text in (pair.question, pair.answer, pair.explain_question, pair.explain_answer):
        digits = re.sub(r"\D", "", view(text).text)
        windows = (digits[i : i + size] for size in range(6, 16) for i in range(len(digits) - size + 1))
        if any(hashed("phone", window) in true for window in windows):
            return True
    return False


def planted(rng: random.Random) -> Iterator[tuple[str, str]]:
    """Sort and value, made up: valid check digits, nobody's."""
    digits = "".join(rng.choices("0123456789", k=30))
    card = "4" + digits[:14]
    card += luhn.calc_check_digit(card)
    bank = "DE00" + digits[:18]
    bank = "DE" + iban.calc_check_digits(bank) + digits[:18]
    yield "card", " ".join(re.findall("....", card))
    yield "iban", " ".join(re.findall(".{1,4}", bank))
    yield "national_id", digits[:8] + dni.calc_check_digit(digits[:8])
    yield "national_id", f"{rng.randint(700, 720)}-{rng.randint(10, 99)}-{rng.randint(1000, 9999)}"
    yield "ip", f"{rng.randint(11, 223)}.{rng.randint(10, 255)}.{rng.randint(0, 255)}.{rng.randint(1, 254)}"
    yield "email", f"{rng.choice(['anna', 'k.lim', 'info', 'j_doe99'])}@{rng.choice(['example.com', 'kopi.com.my'])}"
    yield (
        "phone",
        rng.choice(["+1 212-23{1}-{4}", "+44 20 7946 0{3}", "+60 3-7728 {4}", "+49 30 90{6}"])
        .replace("{1}", digits[0])
        .replace("{3}", digits[1:4])
        .replace("{4}", digits[1:5])
        .replace("{6}", digits[1:7]),
    )
    yield "phone", f"{rng.choice(['Tel', 'FAX', 'H/P'])}: 0{rng.randint(10, 99)}-{digits[:7]}"


HIDERS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "zero-width characters": lambda text: "\u200b".join(text),
    "wide forms": lambda text: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text),
    "Arabic digits": lambda text: text.translate({ord("0") + i: 0x660 + i for i in range(10)}),
    "other hyphens and blanks": lambda text: text.replace("-", "\u2011").replace(" ", "\u00a0"),
    "a line break in the middle": lambda text: text if " " not in text else text.replace(" ", "\n", 1),
}
NOISE = """GST ID: {12}|INVOICE NO : {5}/{3}/T{4}|{13} PLIERS 6"|TOTAL RM {3}.{2}|2{1}-0{1}-2018 1{1}:2{1}:5{1}|#{6}
0{1}/0{1}/2018 12:3{1}|({7}-V)|{2}X{2}X{3}MM|CS000{5}|ORDER {4} {4}|{3},{3}.{2}|SLIP {19}|{8}@2.33|4 BAG @ {1}.50
Between 199{1} and 2005, {1}.{2} % fell|ver. {1}.{1}.{1}.{1}|{5} Kuala Lumpur""".replace("\n", "|").split("|")


def made_up(rounds: int = 40) -> None:
    """Planted values found, by how they are hidden; and texts without any that raise an alarm."""
    rng = random.Random(0)
    for name, hide in HIDERS.items():
        found: dict[str, list[bool]] = {}
        for _ in range(rounds):
            for sort, value in planted(rng):
                pair = Pair("p", "i", "i", "What is printed at the bottom?", f"see {hide(value)} there")
                after = masked(pair, Looker())
                left = re.sub(r"\W", "", view(value.split(": ")[-1]).text) in re.sub(r"\W", "", view(after.answer).text)
                found.setdefault(sort, []).append(f"<{sort.upper()}>" in after.answer and not left)
        print(f"planted, {name}: " + ", ".join(f"{sort} {sum(hits)}/{len(hits)}" for sort, hits in found.items()))
    texts = [re.sub(r"\{(\d+)\}", lambda m: "".join(rng.choices("0123456789", k=int(m[1]))), noise)
             for noise in NOISE for _ in range(200)]  # fmt: skip
    alarms = [(text, one.sort) for text in texts for one in find(text)]
    by_sort = {sort: sum(s == sort for _, s in alarms) for sort in sorted({s for _, s in alarms})}
    print(f"{len(texts)} made-up texts without any: {len(alarms)} alarms {by_sort}, such as {alarms[:5]}")


def languages(data: Path) -> None:
    """Accuracy by length on pieces of human text in nine languages, where something is said."""
    rng = random.Random(0)
    texts = [(lang, text) for page, (lang, text) in pages(data).items() if page.startswith(("mdp", "poilus", "tapus"))]
    for line in (data / "records.jsonl").read_text(encoding="utf-8").splitlines():
        texts += [("en", one["question"]) for one in json.loads(line).get("qa") or () if one.get("human")]
    for size in (20, 40, 80, 160):
        right: list[bool] = []
        clusters: list[str] = []
        said = 0
        for number, (lang, text) in enumerate(texts):
            flat = re.sub(r"<[^>]*>|\s+", " ", text)
            parts = [flat[i : i + size] for i in range(0, len(flat) - size + 1, size)]
            for part in rng.sample(parts, min(40, len(parts))):
                if sum(map(str.isalpha, part)) >= size / 2:
                    told = language(part)
                    said += 1
                    if told:
                        right.append(told == lang)
                        clusters.append(str(number))
        print(f"language of {size} characters: told for {len(right)} of {said}, right {share(right, clusters)}")


def words(texts: dict[str, tuple[str, str]]) -> None:
    """A list of mild words: hidden forms found, and alarms on human pages, each of which is looked at."""
    listed = WordList(["damn", "hell", "ass", "tits", "idiot", "crap", "bastard"])
    hidden = ["DAMN", "d4mn", "d\u200ba\u200bm\u200bn", "\u0501\u0430mn", "d.a.m.n", "\uff44\uff41\uff4d\uff4e"]
    hidden += ["d\u0336amn", "1d1ot", "idi0t", "b@stard", "bast4rd", "cr@p!"]
    print(f"hidden words: {sum(bool(listed.found(one)) for one in hidden)} of {len(hidden)} found")
    alarms = {page: found for page, (_, text) in texts.items() if (found := listed.found(text))}
    print(f"word list on {len(texts)} human pages: {alarms}")


def speed(texts: dict[str, tuple[str, str]]) -> None:
    """CPU seconds for 10,000 pairs whose answers and explanations are real lines, on one core."""
    lines = [line for _, text in texts.values() for line in text.split("\n") if 3 < len(line) < 200]
    rng = random.Random(0)
    pairs = tuple(
        Pair(str(i), "i", "i", f"What is printed beside {rng.choice(lines)[:30]}?", rng.choice(lines),
             explain_question="How do you know?",
             explain_answer=f'The line "{rng.choice(lines)}" stands in the middle of the image, below the label.')
        for i in range(10_000)
    )  # fmt: skip
    sample = Sample("", ImageRecord("i", "i", "i.png", "", 1, 1), pairs=pairs)
    started = time.process_time()
    stage = InspectStage(InspectSettings(profanity=("damn", "hell")), None)
    stage.run([Sample("", sample.image, pairs=pairs[:1])], _NO_SESSION)
    loaded = time.process_time()
    stage.run([sample], _NO_SESSION)
    done = time.process_time()
    for pair in pairs:
        masked(pair, Looker())
    print(f"load {loaded - started:.2f} s; inspect 10,000 pairs {done - loaded:.1f} s", end="; ")
    print(f"mask {time.process_time() - done:.1f} s")


class _NoSession:
    """Progress that nobody watches."""

    def progress(self, _done: int) -> None:
        """Nothing."""


_NO_SESSION: Any = _NoSession()


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="?", default=Path("../shared/data"))
    data = parser.parse_args().data
    texts = pages(data)
    speed(texts)  # first, so that loading is seen
    truth = json.loads(TRUTH.read_text(encoding="utf-8"))
    human_pages(texts, truth)
    built_pairs(data, {page: set(values) for page, values in truth["phone"].items()})
    made_up()
    languages(data)
    words(texts)


if __name__ == "__main__":
    main()
