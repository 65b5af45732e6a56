"""The review page in a real Chromium: look, search, judge by keyboard, edit, move thresholds, find it all again."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.browser_kit import Open, open_first, pair_of, press, said_of, until
from tests.review_kit import (
    IN_PROCESS,
    make_source,
    served,
)

import glossator
from glossator.verdict_log import open_log
from glossator.workspace import Workspace

pytestmark = pytest.mark.browser


def test_search_and_filters_live_in_the_address(ws: Workspace, url: str, visit: Open) -> None:
    page = visit(url)
    total = ws.table("pairs").num_rows
    assert page.inner_text(".head h1") == f"{total} pairs"
    word = ws.table("pairs")["answer"][0].as_py().split()[0]
    page.keyboard.press("/")
    page.keyboard.type(word)
    page.wait_for_url(f"**/?text={word}")
    page.select_option("#f-keep", "kept")
    page.wait_for_url("**keep=kept")
    page.locator("#grid:not(.stale)").wait_for()
    shown = page.inner_text("#grid")
    assert 0 < page.locator(".card").count() < total
    again = visit(url, page.url.removeprefix(url.partition("/?")[0]))
    assert again.inner_text("#grid").split("\n")[0] == shown.split("\n")[0]
    assert again.input_value("#f-text") == word
    page.click("#clear")
    page.wait_for_url(re.compile("/$"))
    page.locator(".head h1", has_text=f"{total} pairs").wait_for()


def test_judging_by_keyboard(ws: Workspace, url: str, visit: Open) -> None:
    page = visit(url)
    open_first(page)
    first = pair_of(page)
    second = press(page, "k")
    page.keyboard.press("r")
    reason = page.locator("#reject [data-reason]").nth(1).get_attribute("data-reason")
    third = press(page, "2")
    page.keyboard.press("r")
    page.fill("#own", "7 dwarfs")
    fourth = press(page, "Enter")
    fifth = press(page, "j")
    assert said_of(ws) == {first: ("keep", ""), second: ("reject", reason), third: ("reject", "7 dwarfs")}
    assert fourth not in said_of(ws)
    assert press(page, "ArrowLeft") == fourth
    assert press(page, "u") == third  # undo leads back to it
    assert said_of(ws) == {first: ("keep", ""), second: ("reject", reason)}
    page.go_back()
    page.locator(f"#view:not([data-pair='{third}'])").wait_for()
    press(page, "ArrowRight")
    assert fifth
    page.keyboard.press("?")
    assert page.locator("#help").is_visible()
    page.keyboard.press("k")  # not while a dialog is open
    page.keyboard.press("Escape")
    assert len(said_of(ws)) == 2


def test_the_next_pair_with_the_same_reason(url: str, visit: Open) -> None:
    page = visit(url, "/?reason=mifd_above_max&order=ffd")
    hrefs = [card.get_attribute("href") for card in page.locator(".card").all()]
    page.keyboard.press("ArrowDown")  # from card to card, and open
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.locator("#view").wait_for()
    page.wait_for_load_state()
    assert pair_of(page) in hrefs[1]
    reason = page.locator("#view").get_attribute("data-same")
    assert press(page, "n") in hrefs[2]
    assert reason.replace("_", " ") in page.inner_text(".verdict")
    page.keyboard.press("g")
    page.locator(".card").first.wait_for()
    assert "reason=mifd_above_max" in page.url


def test_editing_in_place(ws: Workspace, url: str, visit: Open) -> None:
    page = visit(url)
    open_first(page)
    first = pair_of(page)
    page.keyboard.press("a")
    assert page.evaluate("document.activeElement.id") == "edit-answer"
    page.keyboard.press("Control+Enter")
    page.locator("#status", has_text="Nothing has been changed").wait_for()
    page.keyboard.press("Control+A")
    page.keyboard.type("<b>k j u 42</b>")
    page.keyboard.press("Escape")
    assert page.locator("#edit").is_hidden()
    page.keyboard.press("e")
    page.keyboard.type(" And more.")
    press(page, "Control+Enter")
    (entry,) = open_log(ws.store).standing()
    assert (entry.verdict.pair_id, entry.verdict.verdict) == (first, "edit")
    assert entry.verdict.explain_answer.endswith(" And more.")
    assert "42" not in entry.verdict.answer
    press(page, "ArrowLeft")
    page.locator(".said", has_text="And more.").wait_for()
    page.click("[data-do=take-back]")
    page.locator(".said").wait_for(state="detached")
    assert said_of(ws) == {}


def test_a_verdict_that_was_not_saved_is_told_and_the_page_stays(ws: Workspace, url: str, visit: Open) -> None:
    page = visit(url)
    open_first(page)
    page.wait_for_load_state("networkidle")
    first = pair_of(page)
    page.route("**/api/verdicts", lambda route: route.fulfill(status=409, body='{"error": "the disk is full"}'))
    page.keyboard.press("k")
    page.locator("#status.wrong", has_text="Not saved: the disk is full").wait_for()
    assert pair_of(page) == first
    page.unroute("**/api/verdicts")
    press(page, "k")
    assert said_of(ws) == {first: ("keep", "")}


def test_zoom_pan_and_boxes(url: str, visit: Open) -> None:
    page = visit(url)
    open_first(page)
    sheet = page.locator("#sheet")

    def box() -> Any:
        return sheet.bounding_box()

    page.evaluate("document.getElementById('picture').decode()")
    pane, fitted = page.locator("#stage").bounding_box(), box()
    assert fitted["height"] <= pane["height"] and fitted["width"] <= pane["width"]
    page.keyboard.press("+")
    assert box()["width"] == pytest.approx(1.4 * fitted["width"], rel=0.01)
    page.keyboard.press("0")
    page.mouse.move(pane["x"] + 300, pane["y"] + 300)
    page.mouse.wheel(0, -400)
    page.wait_for_timeout(100)
    wheeled = box()
    assert wheeled["width"] > 1.5 * fitted["width"]
    page.mouse.down()
    page.mouse.move(pane["x"] + 350, pane["y"] + 330)
    page.mouse.up()
    assert box()["x"] == pytest.approx(wheeled["x"] + 50, abs=2)
    page.keyboard.press("z")
    page.keyboard.press("z")
    evidence = page.locator(".evidence rect").first
    inside = evidence.bounding_box()
    assert pane["x"] <= inside["x"] and inside["x"] + inside["width"] <= pane["x"] + pane["width"]
    page.hover("[data-lights=answer]")
    assert "lit" in page.locator(".evidence").get_attribute("class")
    page.mouse.move(10, 10)
    page.focus("[data-lights=answer]")
    assert "lit" in page.locator(".evidence").get_attribute("class")
    page.keyboard.press("o")
    assert "reading" in page.locator("#view").get_attribute("class")
    press(page, "j")
    assert "reading" in page.locator("#view").get_attribute("class"), "stays on for the next pair"


def test_a_record_of_several_pictures(tmp_path: Path, visit: Open) -> None:
    make_source(tmp_path, more=1)
    ws = glossator.build(tmp_path / "source" / "records.jsonl", tmp_path / "ws", "fake", **IN_PROCESS)
    with served(ws.path) as url:
        page = visit(url)
        open_first(page)
        picture = page.locator("#picture")
        first = picture.get_attribute("src")
        page.keyboard.press("p")
        until(page, "document.getElementById('picture').naturalWidth == 300")
        assert picture.get_attribute("src") == f"{first}?number=1"
        assert page.locator(".boxes").is_hidden()
        page.locator("[data-lights=answer]").first.click()  # its boxes lie on the first picture
        until(page, "document.getElementById('picture').naturalWidth == 600")
        page.locator(".evidence rect").first.wait_for()
        page.close()


def test_brushing_filters_all_charts_and_the_grid(ws: Workspace, url: str, visit: Open) -> None:
    page = visit(url)
    page.locator("#shares:not(:empty)").wait_for()
    chart = page.locator("[data-score=mifd] svg").bounding_box()
    page.mouse.move(chart["x"] + chart["width"] * 0.25, chart["y"] + 50)
    page.mouse.down()
    page.mouse.move(chart["x"] + chart["width"] * 0.75, chart["y"] + 50, steps=4)
    page.mouse.up()
    page.wait_for_url("**ranges=**")
    low, high = (float(page.locator("[data-score=mifd] input").nth(i).input_value()) for i in (0, 1))
    assert 0 < low < high
    expected = ws.scan("scores").filter(pl.col("mifd").is_between(low, high)).collect().height
    page.locator(".head h1", has_text=re.compile(rf"^{expected} pairs?$")).wait_for()
    scatter = page.locator(".scatter svg").bounding_box()
    page.mouse.move(scatter["x"] + 1, scatter["y"] + 1)
    page.mouse.down()
    page.mouse.move(scatter["x"] + scatter["width"] / 2, scatter["y"] + scatter["height"] - 1, steps=4)
    page.mouse.up()
    page.locator(".scatter .brush:not([hidden])").wait_for(state="attached")
    high = float(page.locator("[data-score=mifd] input").nth(1).input_value())
    expected = ws.scan("scores").filter(pl.col("mifd") <= high).collect().height
    page.locator(".head h1", has_text=re.compile(rf"^{expected} pairs?$")).wait_for()
    page.mouse.click(chart["x"] + 5, chart["y"] + 50)  # all again
    page.wait_for_url(lambda address: "mifd" not in address)


def test_sliders_preview_apply_and_restart(ws: Workspace, visit: Open) -> None:
    with served(ws.path) as url:
        page = visit(url)
        page.keyboard.press("t")
        slider = page.locator("[data-name=mifd_max] [type=range]")
        page.locator("#kept:not(:empty)").wait_for()
        slider.focus()
        for _ in range(10):
            page.keyboard.press("ArrowRight")
        (row,) = ws.what_if(mifd_max=[float(slider.input_value())])
        page.locator("#kept", has_text=f"would keep {row['kept']} of {row['pairs']}").wait_for()
        assert page.locator("#border .card").count() > 0
        page.click("#apply")
        page.locator("#status", has_text="Applied").wait_for()
        assert ws.verdict_counts()["kept"] == row["kept"]
        assert ws.recipe.stage("filter").settings["mifd_max"] == pytest.approx(0.5)  # type: ignore[union-attr]
        open_first(page)
        judged = pair_of(page)
        press(page, "k")
        page.close()
    with served(ws.path) as url:  # another day
        page = visit(url, "/?judged=yes")
        assert page.inner_text(".head h1") == "1 pair"
        assert judged in page.locator(".card").get_attribute("href")
        assert page.locator("#thresholds [data-name=mifd_max] output").text_content() == "0.5"
        page.close()


def test_a_run_that_changes_the_set_is_told_on_the_open_page(ws: Workspace, url: str, visit: Open) -> None:
    page = visit(url)
    open_first(page)
    ws.filter(mifd_max=0.2)
    page.wait_for_timeout(1100)  # the server looks at the disk once a second
    press(page, "j")  # what comes next is fetched ahead
    page.locator("#status.wrong", has_text="A run has changed the set").wait_for()
    press(page, "k")
    assert len(said_of(ws)) == 1


def test_blind_review_by_keyboard_until_the_end(ws: Workspace, url: str, visit: Open) -> None:
    page = visit(url, "/blind?sample=3")
    page.locator("#view").wait_for()
    assert page.locator(".verdict, .scores, #history").count() == 0
    assert "blind" in page.inner_text(".crumb")
    press(page, "k")
    press(page, "k")
    page.keyboard.press("k")
    page.locator("#status", has_text="that was the last one").wait_for()
    assert len(said_of(ws)) == 3
    page = visit(url, "/blind?sample=3")
    assert page.url.endswith("/agreement")
