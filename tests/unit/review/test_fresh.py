"""What another run makes while the page is open: seen when it has ended, whole, and never mixed with what was there."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.review_kit import IN_PROCESS, Client, let_in, make_workspace, served

import glossator
from glossator.errors import WorkspaceError
from glossator.review.catalog import Catalog
from glossator.workspace import Workspace


def until(found: Callable[[], Any]) -> Any:
    """What `found` gives as soon as it is true; the server looks at the disk now and then only."""
    for _ in range(600):
        if value := found():
            return value
        time.sleep(0.05)
    raise AssertionError("it never came")


def edition(client: Client) -> str:
    return client.get("/api/overview")[1]["x-edition"]


def rebuild(ws: Workspace, **settings: Any) -> None:
    source = Path(ws.store.info["source"])
    glossator.build(source, ws.path, "fake", **IN_PROCESS, **settings)


def test_another_filter_is_seen(ws: Workspace, client: Client) -> None:
    before = client.json("/api/overview")["kept"]
    assert edition(client) == "0"
    counts = ws.filter(mifd_max=0.2)
    assert counts["kept"] < before
    until(lambda: edition(client) == "1")
    assert client.json("/api/overview")["kept"] == counts["kept"]
    slider = client.json("/api/preview", mifd_max=0.2)
    assert (slider["kept"], slider["before"]) == (counts["kept"], counts["kept"])
    assert b'data-name="mifd_max" data-column="mifd" data-side="max" data-value="0.2"' in client.get("/")[2]


def test_a_build_that_makes_other_pairs_is_seen_and_gone_pairs_are_told(ws: Workspace, client: Client) -> None:
    old = [pair["pair_id"] for pair in client.json("/api/pairs", limit=200)["pairs"]]
    assert client.get(f"/pair/{old[0]}")[0] == 200
    rebuild(ws, **{"extract.max_pairs": 2})
    new = until(lambda: client.json("/api/pairs", limit=200) if edition(client) != "0" else None)
    ids = [pair["pair_id"] for pair in new["pairs"]]
    assert ids == ws.table("pairs")["pair_id"].to_pylist()
    gone = sorted(set(old) - set(ids))
    assert gone
    status, _, page = client.get(f"/pair/{gone[0]}")
    assert (status, b"not in the workspace" in page) == (404, True)
    for path in (f"/view/{gone[0]}", f"/api/pair/{gone[0]}", f"/history/{gone[0]}"):
        status, _, body = client.get(path)
        assert (status, "not in the workspace" in json.loads(body)["error"]) == (404, True)
    status, told = client.post("/api/verdicts", {"pair_id": gone[0], "verdict": "keep"})
    assert (status, "not in the workspace" in told["error"]) == (404, True)
    assert client.post("/api/verdicts", {"pair_id": ids[0], "verdict": "keep"})[0] == 200


def test_further_images_are_seen(tmp_path: Path) -> None:
    ws = make_workspace(tmp_path, images=4)
    source = Path(ws.store.info["source"])
    lines = source.read_text(encoding="utf-8").splitlines()
    with served(ws.path) as url:
        client = let_in(url)
        before = client.json("/api/overview")["total"]
        shutil.copy(source.parent / "0.png", source.parent / "new.png")
        with (source.parent / "new.png").open("ab") as file:
            file.write(b"another picture")
        record = {**json.loads(lines[0]), "id": "new", "image": "new.png", "caption": ""}
        source.write_text("\n".join([*lines, json.dumps(record)]), encoding="utf-8")
        rebuild(ws, **{"score.per_token": True})
        until(lambda: client.json("/api/overview")["total"] > before)
        (image_id,) = (row["image_id"] for row in ws.table("images").to_pylist() if row["source_id"] == "new")
        assert client.get(f"/image/{image_id}")[0] == 200
        assert client.get("/captions", image_id=image_id)[0] == 200


def test_while_a_run_is_under_way_the_old_tables_stay(ws: Workspace, client: Client) -> None:
    pair_id = client.json("/api/pairs")["pairs"][0]["pair_id"]
    shown = client.json(f"/api/pair/{pair_id}")
    current = ws.store.read_json("current.json")
    with ws.store.lock():
        # As a run of another recipe begins: its tables are empty yet.
        tables = current["tables"] | {"pairs": "explain/none", "losses": "score/none", "verdicts": "filter/none"}
        ws.store.write_json("current.json", current | {"tables": tables})
        time.sleep(1.2)  # longer than the server waits between two looks
        assert client.json(f"/api/pair/{pair_id}") == shown
        assert client.json("/api/overview")["total"] > 0
        assert edition(client) == "0"
    until(lambda: client.json("/api/overview")["total"] == 0)
    assert client.get(f"/pair/{pair_id}")[0] == 404
    ws.store.write_json("current.json", current)
    until(lambda: client.json("/api/overview")["total"] > 0)
    assert client.json(f"/api/pair/{pair_id}") == shown


def test_what_a_killed_run_has_left_is_no_run(ws: Workspace, client: Client) -> None:
    current = ws.store.read_json("current.json")
    assert client.json("/api/overview")["total"] > 0
    ws.store.write_json("run.json", {"pid": 1, "started": 0})
    ws.store.write_json("current.json", current | {"tables": current["tables"] | {"pairs": "explain/none"}})
    until(lambda: client.json("/api/overview")["total"] == 0)


def test_nobody_sees_half_of_a_change(ws: Workspace, client: Client) -> None:
    """Many ask while the filter is switched to and fro; each answer is of the one or of the other."""
    possible, wrong, done = set(), [], threading.Event()
    for bound in (0.2, 0.4):
        possible.add(ws.filter(mifd_max=bound)["kept"])

    def ask() -> None:
        while not done.is_set():
            found = client.json("/api/overview")
            bars = [histogram["kept"] for histogram in found["histograms"].values() if "kept" in histogram]
            cards = client.json("/api/pairs", keep="kept", limit=200)
            if found["kept"] not in possible or cards["total"] not in possible:
                wrong.append((found["kept"], cards["total"]))
            if any(sum(bar) > found["kept"] for bar in bars) or not all(pair["keep"] for pair in cards["pairs"]):
                wrong.append((found["kept"], bars))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    start = edition(client)
    for bound in (0.2, 0.4, 0.2):
        before = edition(client)
        ws.filter(mifd_max=bound)
        until(lambda before=before: edition(client) != before)  # type: ignore[misc]
    done.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert edition(client) != start


def test_two_servers_on_one_workspace_see_each_others_words(ws: Workspace, client: Client) -> None:
    pair_id = client.json("/api/pairs")["pairs"][0]["pair_id"]
    with served(ws.path, "bo") as url:
        other = let_in(url)
        assert other.post("/api/verdicts", {"pair_id": pair_id, "verdict": "reject", "reason": "hm"})[0] == 200
        others = until(lambda: client.json(f"/api/pair/{pair_id}")["others"])
        assert [(word["reviewer"], word["reason"]) for word in others] == [("bo", "hm")]
        # What one applies, both see.
        status, counts = client.post("/api/apply", {"settings": {"mifd_max": 0.3}})
        assert status == 200
        until(lambda: other.json("/api/overview")["kept"] == counts["kept"])
        assert other.json(f"/api/pair/{pair_id}")["verdict"]["by"] == "person"


def test_a_workspace_that_is_deleted_is_told_and_not_made_again(ws: Workspace) -> None:
    with served(ws.path) as url:
        client = let_in(url)
        pair_id = client.json("/api/pairs")["pairs"][0]["pair_id"]
        assert client.post("/api/verdicts", {"pair_id": pair_id, "verdict": "keep"})[0] == 200
        shutil.rmtree(ws.path)
        # At once, before the server has looked: no verdict is confirmed that is not kept.
        status, told = client.post("/api/verdicts", {"pair_id": pair_id, "verdict": "reject"})
        assert (status, "error" in told) == (409, True)
        until(lambda: client.get("/")[0] == 409)
        assert b"not there any more" in client.get("/")[2]
        assert b"not there any more" in client.get("/api/pairs")[2]
        assert client.post("/api/apply", {"settings": {}})[0] == 409
    assert not ws.path.exists()


def test_a_workspace_that_comes_back_is_served_again(ws: Workspace, client: Client) -> None:
    total = client.json("/api/overview")["total"]
    away = ws.path.with_name("away")
    ws.path.rename(away)
    until(lambda: client.get("/api/overview")[0] == 409)
    away.rename(ws.path)
    assert client.json("/api/overview")["total"] == total


def test_tables_that_can_not_be_read_are_told_until_they_can(ws: Workspace, client: Client) -> None:
    part = next((ws.path / ws.store.read_json("current.json")["tables"]["losses"]).glob("part-*.parquet"))
    good = part.read_bytes()
    part.with_name("other").write_bytes(b"no table")
    part.with_name("other").replace(part)
    until(lambda: client.get("/api/overview")[0] == 409)
    assert b"the tables of" in client.get("/")[2]
    with pytest.raises(WorkspaceError, match="can't be read"):
        Catalog(glossator.open(ws.path))
    part.with_name("other").write_bytes(good)
    part.with_name("other").replace(part)
    assert client.json("/api/overview")["total"] > 0
