"""The user's own git against `/git/{project}.git`, with ATT's tokens."""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from tests.contract.conftest import Running


@dataclass(frozen=True)
class Desk:
    """A folder of somebody at another machine, with git and a token."""

    folder: Path
    url: str

    def git(self, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        settings = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "ann",
            "GIT_AUTHOR_EMAIL": "ann@example.org",
            "GIT_COMMITTER_NAME": "ann",
            "GIT_COMMITTER_EMAIL": "ann@example.org",
        }
        where = cwd or self.folder
        return subprocess.run(["git", *arguments], cwd=where, env=settings, capture_output=True, text=True, timeout=50)

    def address(self, project: str, token: str) -> str:
        return self.url.replace("://", f"://ann:{token}@") + f"/git/{project}.git"


@pytest.fixture
def desk(platform: Running, tmp_path: Path) -> Desk:
    return Desk(tmp_path, platform.url)


@pytest.fixture(scope="module")
def project(platform: Running) -> Iterator[str]:
    with httpx.Client(base_url=platform.url + "/api/v1", headers=platform.headers, timeout=60) as client:
        made = client.post("/projects", json={"name": "Over HTTP", "template": "chatbot"})
        assert made.is_success, made.text
        yield made.json()["slug"]


@pytest.fixture
def viewer(http: httpx.Client) -> str:
    made = http.post("/api/v1/tokens", json={"name": "viewer", "role": "viewer"})
    return str(made.json()["token"])


@pytest.fixture
def clone(desk: Desk, platform: Running, project: str) -> Path:
    done = desk.git("clone", "--quiet", desk.address(project, platform.token), "clone")
    assert done.returncode == 0, done.stderr
    return desk.folder / "clone"


def commit(desk: Desk, clone: Path, branch: str, content: bytes = b"x") -> None:
    desk.git("checkout", "--quiet", "-B", branch, cwd=clone)
    (clone / "new.bin").write_bytes(content)
    desk.git("add", ".", cwd=clone)
    assert desk.git("commit", "--quiet", "-m", "Work", cwd=clone).returncode == 0


def test_a_clone_has_the_project_s_files(clone: Path) -> None:
    assert (clone / "pyproject.toml").is_file()


def test_a_pushed_branch_is_in_the_forge_and_in_the_audit(desk: Desk, clone: Path, http: httpx.Client) -> None:
    commit(desk, clone, "over-http", os.urandom(3_000_000))
    pushed = desk.git("push", "origin", "over-http", cwd=clone)
    assert pushed.returncode == 0, pushed.stderr
    assert "over-http" in desk.git("ls-remote", "--heads", "origin", cwd=clone).stdout
    audit = http.get("/api/v1/audit", params={"limit": 20}).json()
    assert any(one["operation"] == "git.http.push" and one["outcome"] == "ok" for one in audit["records"])


@pytest.mark.parametrize("refspec", ["HEAD:main", "+HEAD:main", ":main"])
def test_a_protected_branch_is_refused_in_git_s_own_words(desk: Desk, clone: Path, refspec: str) -> None:
    before = desk.git("ls-remote", "origin", "refs/heads/main", cwd=clone).stdout
    commit(desk, clone, "straight")
    refused = desk.git("push", "origin", refspec, cwd=clone)
    assert refused.returncode == 1
    assert "branch_protected" in refused.stderr
    assert desk.git("ls-remote", "origin", "refs/heads/main", cwd=clone).stdout == before


def test_a_viewer_fetches_and_does_not_push(desk: Desk, viewer: str, project: str) -> None:
    assert desk.git("clone", "--quiet", desk.address(project, viewer), "seen").returncode == 0
    commit(desk, desk.folder / "seen", "by-viewer")
    refused = desk.git("push", "origin", "by-viewer", cwd=desk.folder / "seen")
    assert refused.returncode == 128
    assert "403" in refused.stderr


@pytest.mark.parametrize("token", ["att_wrong", ""])
def test_without_a_token_there_is_nothing_to_see(desk: Desk, project: str, token: str) -> None:
    refused = desk.git("ls-remote", desk.address(project, token))
    assert refused.returncode == 128
    assert "Authentication failed" in refused.stderr or "could not read" in refused.stderr


def test_a_project_that_is_not_there_is_not_found(desk: Desk, platform: Running) -> None:
    refused = desk.git("ls-remote", desk.address("nothing", platform.token))
    assert refused.returncode == 128
    assert "not found" in refused.stderr


def test_a_cookie_is_no_credential_for_git(platform: Running, project: str) -> None:
    with httpx.Client(base_url=platform.url) as client:
        signed = client.post("/api/v1/auth/sign-in", json={"token": platform.token})
        assert signed.is_success, signed.text
        answer = client.get(f"/git/{project}.git/info/refs", params={"service": "git-upload-pack"})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Basic")


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"zzzz", {}),
        (b"00", {}),
        (b"not packed", {"Content-Encoding": "gzip"}),
    ],
)
def test_what_is_no_push_is_refused(http: httpx.Client, project: str, body: bytes, headers: dict[str, str]) -> None:
    answer = http.post(f"/git/{project}.git/git-receive-pack", content=body, headers=headers)
    assert answer.status_code == 422
    assert "push_malformed" in answer.text


def test_git_before_the_smart_protocol_is_refused(http: httpx.Client, project: str) -> None:
    assert http.get(f"/git/{project}.git/info/refs").status_code == 403
    assert http.get(f"/git/{project}.git/config").status_code == 404
