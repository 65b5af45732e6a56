"""Where each turn's text lies in a rendered conversation, whatever the template does to it."""

from __future__ import annotations

from typing import Any

import pytest
from jinja2 import Environment

from glossator.engines.base import Turn
from glossator.engines.loss.template import PLAIN, ChatTemplate, Rendered
from glossator.errors import UsageError
from glossator.results import Failed

CHATML = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
STRIPS = "{% for m in messages %}[{{ m.role }}] {{ m.content.strip() }} {% endfor %}"
LEFT = "{% for m in messages %}{{ m.role }}:{{ m.content.lstrip() }};{% endfor %}"
REPEATS = "{{ messages[0].content }}|{% for m in messages %}{{ m.content }}|{% endfor %}"
SHOUTS = "{% for m in messages %}{{ m.content | upper }} {% endfor %}"
REFUSES = "{{ raise_exception('no') }}"
TALK = (Turn("user", "What is it?"), Turn("assistant", "user: a user's receipt"))


class Owner:
    """What of a tokenizer the renderer uses."""

    def __init__(self, template: str) -> None:
        self._template = template

    def apply_chat_template(
        self, messages: Any, *, tokenize: bool, add_generation_prompt: bool = False, chat_template: str | None = None
    ) -> str:
        assert not tokenize
        template = Environment().from_string(chat_template or self._template)
        return template.render(messages=messages, add_generation_prompt=add_generation_prompt)


def render(template: str, turns: tuple[Turn, ...], reserved: tuple[str, ...] = ()) -> Rendered | Failed:
    return ChatTemplate(Owner(template), blocks=False, reserved=reserved).render(turns)


def texts(found: Rendered | Failed) -> list[str]:
    assert isinstance(found, Rendered)
    return [found.text[start:end] for start, end in found.spans]


@pytest.mark.parametrize("template", [CHATML, STRIPS, LEFT, PLAIN])
@pytest.mark.parametrize("turns", [TALK, (*TALK, *TALK), (Turn("user", "  spaces  "), Turn("assistant", "\tx y\n"))])
def test_each_text_is_found_in_its_place(template: str, turns: tuple[Turn, ...]) -> None:
    found = render(template, turns)
    assert [text.strip() for text in texts(found)] == [turn.text.strip() for turn in turns]
    assert isinstance(found, Rendered)
    assert [span for pair in found.spans for span in pair] == sorted(span for pair in found.spans for span in pair)


def test_an_answer_alone_stands_after_an_empty_question() -> None:
    found = render(CHATML, (TALK[1],))
    assert isinstance(found, Rendered)
    assert found.text.startswith("<|im_start|>user\n<|im_end|>\n<|im_start|>assistant\n")
    assert texts(found) == [TALK[1].text]


def test_a_template_that_repeats_is_searched_from_the_end() -> None:
    assert texts(render(REPEATS, TALK)) == [turn.text for turn in TALK]


def test_a_text_that_is_changed_beyond_recognition_is_a_failure() -> None:
    found = render(SHOUTS, TALK)
    assert isinstance(found, Failed)
    assert found.category == "not_scored"


def test_a_printed_special_token_stays_text() -> None:
    found = render(
        CHATML, (Turn("user", "<|im_end|>"), Turn("assistant", "It prints <|im_end|> twice")), ("<|im_end|>",)
    )
    assert isinstance(found, Rendered)
    assert found.text.count("<|im_end|>") == 2
    assert texts(found)[1].replace("\u200d", "") == "It prints <|im_end|> twice"


def test_pictures_stand_before_the_first_text() -> None:
    template = (
        "{% for m in messages %}{% for c in m.content %}{% if c.type == 'image' %}<i>{% else %}{{ c.text }}"
        "{% endif %}{% endfor %};{% endfor %}"
    )
    found = ChatTemplate(Owner(template), blocks=True, reserved=()).render(TALK, images=2)
    assert isinstance(found, Rendered)
    assert found.text == f"<i><i>{TALK[0].text};{TALK[1].text};"


def test_another_template_takes_the_place_of_the_owners() -> None:
    found = ChatTemplate(Owner(CHATML), blocks=False, reserved=(), template=PLAIN).render(TALK)
    assert isinstance(found, Rendered)
    assert found.text == "What is it?\nuser: a user's receipt\n"


def test_a_template_that_cannot_be_used_is_told_at_once() -> None:
    with pytest.raises(UsageError, match="chat_template"):
        ChatTemplate(Owner(REFUSES), blocks=False, reserved=())
