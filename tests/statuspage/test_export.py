import json
from pathlib import Path

import pytest

from statuspage import export
from tests.statuspage import seeds
from tests.statuspage.test_pages import Anatomy


async def test_the_export_is_the_whole_site_with_links_that_work_from_any_folder(see, tmp_path):
    sight = await see(seeds.trouble())
    written = export.write_static(sight.pages, tmp_path)
    assert {str(file.relative_to(tmp_path)) for file in written} >= {
        "index.html", "history/index.html", "history/2026-11/index.html", "incidents/inc-2026-4711/index.html", "404.html",
        "maintenance/mnt-1.ics", "feed.atom", "api/v2/summary.json", "api/v2/incidents/unresolved.json", "static/tocsin.css",
    }  # fmt: skip
    assert written[-1] == tmp_path / "index.html"
    for file in written:
        if file.suffix == ".html":
            for link in Anatomy(file.read_text()).links:
                target = link.split("#")[0]
                assert not target or (
                    not target.startswith("/") and (file.parent / target).resolve().is_file()
                ), link


async def test_the_export_says_what_the_service_says(see, tmp_path):
    sight = await see(seeds.trouble())
    export.write_static(sight.pages, tmp_path)
    assert (tmp_path / "feed.atom").read_bytes() == sight.pages.get("/feed.atom").body
    assert json.loads((tmp_path / "api/v2/status.json").read_text())["status"]["indicator"] == "major"
    assert Anatomy((tmp_path / "index.html").read_text()).words == Anatomy(sight.text("/")).words


async def test_a_copy_is_renewed_by_what_changed_and_mends_itself(see, tmp_path):
    sight = await see(seeds.well(), seeds.SPOKEN)
    copy = export.StaticCopy(sight.pages, tmp_path)
    assert len(copy.renew()) > 50
    assert copy.renew() == []
    (tmp_path / "de" / "uptime" / "index.html").unlink()
    assert copy.renew() == [tmp_path / "de" / "uptime" / "index.html"]
    with sight.engine.begin() as c:
        seeds.state(c, "chat", "major_outage", seeds.NOW)
    sight.now += seeds.SITE.stale_after / 5
    await sight.pages.refresh()
    renewed = {str(file.relative_to(tmp_path)) for file in copy.renew()}
    assert {"index.html", "it/index.html", "api/v2/summary.json", "badge.svg"} <= renewed
    assert not renewed & {"history/index.html", "static/tocsin.css", "incidents/inc-past-1/index.html"}


async def test_an_id_cannot_lead_out_of_the_folder(see, tmp_path):
    engine = seeds.database()
    with engine.begin() as c:
        seeds.problem(c, "../../escape", "T", [], opened=seeds.NOW)
        seeds.maintenance(c, "..", "T", "", starts=seeds.NOW, ends=seeds.NOW)
    export.write_static((await see(engine)).pages, tmp_path / "a" / "b")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert not [path for path in tmp_path.rglob("*") if "escape" in path.name]


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    file = tmp_path / "x.html"
    export.replace_file(file, b"old")

    def full(self, target):
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="full"):
        export.replace_file(file, b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["x.html"]
    assert file.read_bytes() == b"old"
