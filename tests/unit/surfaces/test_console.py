from pathlib import Path

import httpx
import pytest
from tests.unit.surfaces.conftest import client_of
from tests.unit.surfaces.world import World

pytestmark = pytest.mark.anyio


@pytest.fixture
def built(world: World) -> World:
    (world.console / "assets").mkdir(parents=True)
    (world.console / "index.html").write_text("<p>the console</p>")
    (world.console / "favicon.svg").write_text("<svg/>")
    (world.console / "assets" / "app-1a2b.js").write_text("new()")
    return world


async def get(world: World, path: str) -> httpx.Response:
    async with client_of(world, None) as client:
        return await client.get(path)


@pytest.mark.parametrize("path", ["/", "/releases", "/upgrade/tx_1", "/index.html"])
async def test_every_page_is_the_one_page_with_a_strict_policy(built: World, path: str) -> None:
    response = await get(built, path)
    assert (response.status_code, response.text) == (200, "<p>the console</p>")
    assert response.headers["cache-control"] == "no-cache"
    policy = response.headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "unsafe-eval" not in policy
    assert response.headers["x-content-type-options"] == "nosniff"


async def test_an_asset_may_be_kept_for_ever(built: World) -> None:
    response = await get(built, "/assets/app-1a2b.js")
    assert (response.text, response.headers["content-type"].partition(";")[0]) == ("new()", "text/javascript")
    assert "immutable" in response.headers["cache-control"]


async def test_a_page_of_before_the_upgrade_still_finds_its_assets(built: World) -> None:
    older = built.console.parents[1] / "1.2.2" / "console" / "assets"
    older.mkdir(parents=True)
    (older / "app-0f0f.js").write_text("old()")
    assert (await get(built, "/assets/app-0f0f.js")).text == "old()"


async def test_other_files_come_from_the_running_release_alone(built: World) -> None:
    older = built.console.parents[1] / "1.2.2" / "console"
    older.mkdir(parents=True)
    (older / "old.txt").write_text("old")
    assert (await get(built, "/favicon.svg")).headers["cache-control"] == "no-cache"
    assert (await get(built, "/old.txt")).status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/assets/gone.js",
        "/robots.txt",
        "/api/v1/nowhere",
        "/v1/models",
        "/%2e%2e/%2e%2e/secret",
        "/assets/..%2f..%2fsecret.txt",
        "/assets/%00",
        "/.git/config",
    ],
)
async def test_what_is_no_page_is_not_found(built: World, path: str) -> None:
    (built.console.parents[1] / "secret.txt").write_text("secret")
    response = await get(built, path)
    assert (response.status_code, response.headers["content-type"]) == (404, "application/problem+json")


async def test_a_link_out_of_the_console_is_not_followed(built: World, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    (built.console / "assets" / "link.txt").symlink_to(tmp_path / "secret.txt")
    assert (await get(built, "/assets/link.txt")).status_code == 404


async def test_without_a_build_a_plain_page_says_how_to_make_one(world: World) -> None:
    response = await get(world, "/")
    assert (response.status_code, "make console" in response.text) == (200, True)
