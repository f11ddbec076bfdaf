from pathlib import Path

import pytest

from videokr.errors import UserError
from videokr.video.paths import resolve_video


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("data/Videos/videos_0007/x.mp4", "data/flat/y.mp4", "secret.mp4"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return tmp_path / "data"


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("videos_0007/x.mp4", "Videos/videos_0007/x.mp4"),
        ("Videos/videos_0007/x.mp4", "Videos/videos_0007/x.mp4"),
        ("./Videos/videos_0007/x.mp4", "Videos/videos_0007/x.mp4"),
        ("flat/y.mp4", "flat/y.mp4"),
        ("Videos/flat/y.mp4", "flat/y.mp4"),
        ("./Videos/./flat//y.mp4", "flat/y.mp4"),
        ("flat/../flat/y.mp4", "flat/y.mp4"),
    ],
)
def test_found_with_and_without_the_archives_folder(root, path, found):
    assert resolve_video(path, root) == root / found


def test_an_absolute_path_inside_the_root(root):
    assert resolve_video(str(root / "flat/y.mp4"), root) == root / "flat/y.mp4"


def test_without_a_root_the_path_is_taken_as_it_is(root, monkeypatch):
    monkeypatch.chdir(root)
    assert resolve_video("flat/y.mp4", None) == root / "flat/y.mp4"


def test_a_link_inside_the_root_is_followed(root):
    (root / "link.mp4").symlink_to(root.parent / "secret.mp4")
    assert resolve_video("link.mp4", root) == root / "link.mp4"


@pytest.mark.parametrize("path", ["../secret.mp4", "Videos/../../secret.mp4", "flat/../../secret.mp4", "/etc/hostname"])
def test_data_does_not_leave_its_root(root, path):
    with pytest.raises(UserError, match="outside"):
        resolve_video(path, root)


@pytest.mark.parametrize("path", ["no.mp4", "flat", "x" * 5000, "a\0b.mp4"])
def test_what_is_not_there_says_what_was_tried(root, path):
    with pytest.raises(UserError, match="tried"):
        resolve_video(path, root)


@pytest.mark.parametrize("path", ["https://example.org/x.mp4", "file:///x.mp4"])
def test_an_address_is_no_file(root, path):
    with pytest.raises(UserError, match="address"):
        resolve_video(path, root)
