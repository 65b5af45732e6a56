"""Pairs and sentences about charts, from what they print."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from glossator.engines.base import PairDraft
from glossator.engines.writer.grounded.document import Document, evidence, quoted
from glossator.engines.writer.grounded.explain import ask_why
from glossator.layout.chart import Chart, Point, along_axis, is_year, number, read_chart, source_text, words_only
from glossator.records import Sample, Span

MAX_VALUES = 4
_NEVER = ("receipt", "form", "comic", "photo", "screenshot", "web page")


def propose(sample: Sample) -> list[PairDraft] | None:
    """Pairs about a chart, best first; None if the page is no chart."""
    document = Document(sample)
    chart = read(document)
    if chart is None:
        return None
    return [
        *_title(document, chart),
        *_values(document, chart),
        *_extremes(document, chart),
        *_holders(document, chart),
        *_years(document, chart),
        *_words(document, chart),
    ]


def describe(sample: Sample) -> str | None:
    """Sentences about a chart for the enriched caption, one a line; None if it is no chart or says nothing sure."""
    document = Document(sample)
    chart = read(document)
    if chart is None:
        return None
    sentences = []
    title = _text(chart.title)
    what = "a bar chart" if chart.shape == "sideways" else "a chart"
    sentences.append(f"The image shows {what} titled {quoted(title)}." if title else f"The image shows {what}.")
    names = [span.text.strip() for span in chart.categories]
    if len(names) > 2 and all(map(is_year, names)):
        sentences.append(f"It runs from {names[0].strip('*')} to {names[-1].strip('*')}.")
    elif len(names) > 2:
        listed = _and(names if len(names) <= 7 else [*names[:6], f"{len(names) - 6} more"])
        sentences.append(f"It compares {listed}.")
    if chart.series:
        sentences.append(f"For each it gives {_and([quoted(span.text.strip()) for span in chart.series])}.")
    if chart.legend:
        sentences.append(f"The legend names {_and([quoted(span.text.strip()) for span in chart.legend])}.")
    high, low = high_low(chart)
    if high and low:
        sentences.append(
            f"The highest printed value is {high.value.text.strip()}, for {_name(high)}, "
            f"and the lowest is {low.value.text.strip()}, for {_name(low)}."
        )
    if chart.axis_label:
        sentences.append(f"The axis is labelled {quoted(chart.axis_label.text.strip())}.")
    if chart.source:
        sentences.append(f"Its source is given as {quoted(source_text(chart.source).rstrip('.'))}.")
    # That it is a chart and nothing more is no detail: the page's other words say more.
    return "\n".join(sentences) if title or len(sentences) > 1 else None


def read(document: Document) -> Chart | None:
    """The page as a chart; None if it is none."""
    if document.noun in _NEVER:
        return None
    image = document.sample.image
    chart = read_chart(document.spans, image.width, image.height)
    # A page that nobody calls a chart must show values that lie as on a chart: any list looks like an axis.
    if chart is None and document.noun == "chart":
        return words_only(document.spans, image.height)
    if (
        chart is not None
        and document.noun != "chart"
        and (len(chart.points) < 4 or document.noun == "table" or chart.series or not along_axis(chart))
    ):
        return None
    return chart


def _title(document: Document, chart: Chart) -> Iterator[PairDraft]:
    if not chart.title:
        return
    options = (
        "What is the title of this chart?",
        "What title is printed above this chart?",
        "How is this chart titled?",
    )
    why = document.pick(
        (
            f"The title stands {document.where(chart.title)}, above everything that is drawn.",
            f"The text {document.where(chart.title)} comes first and names the subject of the whole chart.",
        ),
        "title",
    )
    yield _draft(document, "title", document.pick(options, "title"), _text(chart.title), chart.title, why)


def _values(document: Document, chart: Chart) -> Iterator[PairDraft]:
    step = max(1, len(chart.points) // MAX_VALUES)
    start = int(document.pick("0123", "start")) % step
    for point in chart.points[start::step][:MAX_VALUES]:
        yield value_pair(document, chart, point)


def value_pair(document: Document, chart: Chart, point: Point) -> PairDraft:
    """The value that is printed at a name."""
    name, text = _name(point), point.value.text.strip()
    of = f"{quoted(point.series.text.strip())} for {name}" if point.series else name
    options = (
        (f"What value does the chart show for {of}?", f"What number is printed for {of} in this chart?")
        if point.series
        else (
            f"What value does the chart show for {of}?",
            f"What number is printed at {of} in this chart?",
            f"Which value belongs to {of} in this chart?",
        )
    )
    question = document.pick(options, "value", name, text)
    return _draft(document, "chart-value", question, text, (point.value,), _why_value(document, chart, point))


def _why_value(document: Document, chart: Chart, point: Point) -> str:
    name = quoted(point.category.text.strip())
    if point.series is not None:
        head = quoted(point.series.text.strip())
        return document.pick(
            (
                f"On the line of {name} the values stand in the order of the headings above; "
                f"the one under {head} is this.",
                f"{name} begins the line, and the value that belongs to the heading {head} stands on it.",
            ),
            name,
            head,
        )
    if chart.shape == "sideways":
        options = (
            f"The label {name} stands at the left end of the bar, and the value is printed on the same line.",
            f"Following the bar of {name} to the right leads to the printed value.",
        )
    else:
        options = (
            f"The value is printed straight above the label {name} on the horizontal axis.",
            f"Going up from {name} on the axis, this is the value that stands in its column.",
        )
    return document.pick(options, name, point.value.text)


def _extremes(document: Document, chart: Chart) -> Iterator[PairDraft]:
    high, low = high_low(chart)
    for point, word in ((high, "highest"), (low, "lowest")):
        if point is not None:
            yield extreme_pair(document, chart, point, word)


def extreme_pair(document: Document, chart: Chart, point: Point, word: str) -> PairDraft:
    """The name at which the highest or the lowest (`word`) value is printed."""
    what = "year" if is_year(point.category.text) else "category"
    options = (
        f"Which {what} has the {word} printed value in this chart?",
        f"For which {what} does the chart print the {word} value?",
    )
    why = (
        f"{point.value.text.strip()} is the {word} of the {len(chart.points)} values printed in the chart, "
        f"and it belongs to the label {quoted(point.category.text.strip())}."
    )
    answer = point.category.text.strip()
    return _draft(document, f"chart-{word}", document.pick(options, word), answer, (point.category,), why)


def _holders(document: Document, chart: Chart) -> Iterator[PairDraft]:
    """The category of a printed value, asked only where no other text of the page prints that value."""
    if chart.series:
        return
    texts = [span.text.strip() for span in document.spans]
    ends = {id(point) for point in high_low(chart)}
    single = [p for p in chart.points if texts.count(p.value.text.strip()) == 1 and id(p) not in ends]
    for point in single[len(single) // 2 :][:1]:
        answer, value = point.category.text.strip(), point.value.text.strip()
        what = "year" if is_year(answer) else "category"
        options = (
            f"Which {what} has the value {value} in this chart?",
            f"To which {what} does the printed value {value} belong?",
        )
        place = "on the line of" if chart.shape == "sideways" else "in the column above"
        why = f"The chart prints {value} only once, {place} the label {quoted(answer)}."
        yield _draft(document, "chart-category", document.pick(options, value), answer, (point.category,), why)


def _years(document: Document, chart: Chart) -> Iterator[PairDraft]:
    names = chart.categories
    if len(names) < 3 or not all(is_year(span.text) for span in names):
        return
    for span, word, side in ((names[0], "first", "left"), (names[-1], "last", "right")):
        options = (
            f"What is the {word} year on the horizontal axis of this chart?",
            f"Which year stands at the {side} end of the horizontal axis?",
        )
        why = (
            "The years run from left to right below the chart, "
            f"and {quoted(span.text.strip())} is the {word} of the {len(names)}."
        )
        yield _draft(document, f"{word}-year", document.pick(options, word), span.text.strip(), (span,), why)


def _words(document: Document, chart: Chart) -> Iterator[PairDraft]:
    if chart.axis_label:
        text = chart.axis_label.text.strip()
        options = ("What is the label of the horizontal axis?", "How is the horizontal axis of this chart labelled?")
        why = "The words stand alone below the axis, centred under it, and so name what runs along it."
        yield _draft(document, "axis", document.pick(options, text), text, (chart.axis_label,), why)
    if chart.source:
        text = source_text(chart.source)
        options = ("What source does this chart name?", "What is given as the source of this chart?")
        why = f'The line {document.where((chart.source,))} begins with the word "Source", and this is what follows it.'
        yield _draft(document, "source", document.pick(options, text), text, (chart.source,), why)


def high_low(chart: Chart) -> tuple[Point | None, Point | None]:
    """The single highest and lowest points, where all values are printed and sure; None where two are equal."""
    if not chart.complete or chart.series:
        return None, None
    values = [number(point.value.text) for point in chart.points]
    known = [value for value in values if value is not None]
    if len(known) != len(chart.points) or len(known) < 3:
        return None, None
    high, low = max(known), min(known)
    return (
        chart.points[known.index(high)] if known.count(high) == 1 else None,
        chart.points[known.index(low)] if known.count(low) == 1 else None,
    )


def _name(point: Point) -> str:
    text = point.category.text.strip()
    return text if is_year(text) else quoted(text)


def _text(spans: Sequence[Span]) -> str:
    return " ".join(span.text.strip() for span in spans)


def _and(pieces: Sequence[str]) -> str:
    return pieces[0] if len(pieces) == 1 else f"{', '.join(pieces[:-1])} and {pieces[-1]}"


def _draft(document: Document, kind: str, question: str, answer: str, spans: Sequence[Span], why: str) -> PairDraft:
    return PairDraft(
        question, answer, kind, evidence(spans), explain_question=ask_why(document, kind, answer), explain_answer=why
    )
