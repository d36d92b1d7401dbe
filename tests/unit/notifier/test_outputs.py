"""Files of a narrated job by their names, where artifacts lie in a folder."""

from pathlib import Path

import msgspec
import pytest

from libs.contracts.artifacts import Blob
from libs.contracts.tasks import Notify, TellableFile
from libs.seal import Keyring
from libs.seal.addresses import Addresses
from services.notifier.message import Places, body_of
from services.notifier.outputs import lay_out
from tests.unit.notifier.test_answers import UNTIL, blob, task

FILES = "/api/v1/jobs/j1/files"
NAMES = ("stitched_subtitled.mp4", "voiceover.mp3", "manifest.json", "clips/s001.mp4", "images/s001.jpg")


def file(name: str, content: Blob) -> TellableFile:
    return TellableFile(path=f"{FILES}/{name}", blob=content)


def put(folder: Path, content: Blob) -> Blob:
    """Bytes of the store that tell which they are."""
    (folder / content.key).parent.mkdir(parents=True, exist_ok=True)
    (folder / content.key).write_text(content.sha256)
    return content


@pytest.fixture
def told(tmp_path: Path) -> Notify:
    """The order of a told job's webhook, whose files are in the store."""
    video, voice, manifest, clip, image = (put(tmp_path, blob(letter)) for letter in "abcde")
    (_, order) = task(
        video=video,
        video_path=f"{FILES}/{NAMES[0]}",
        voiceover=file(NAMES[1], voice),
        manifest=file(NAMES[2], manifest),
        videos=(file(NAMES[3], clip),),
        images=(file(NAMES[4], image),),
    )
    return order


def files_in(folder: Path) -> dict[str, str]:
    found = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_text()[0] for path in found}


def test_they_stand_by_their_names_and_are_told_so(told: Notify, tmp_path: Path) -> None:
    for _ in range(2):
        output = lay_out(tmp_path, "j1", told)
        assert output == tmp_path / "output" / "j1"
        assert files_in(output) == dict(zip(NAMES, "abcde", strict=True))
    (order, _) = task()
    places = Places("https://video.example", tmp_path, Addresses(Keyring([])), UNTIL, output)
    data = msgspec.json.decode(body_of(order, told, places))["data"]
    assert data["output_dir"] == str(output)
    named = [data["final_video_path"], data["voiceover_path"], *data["video_files"], *data["image_files"]]
    assert named == [f"{output}/{name}" for name in NAMES if name != "manifest.json"]
    assert data["video_url"] == f"https://video.example{FILES}/stitched_subtitled.mp4"


def test_a_retry_puts_its_own_in_their_place(told: Notify, tmp_path: Path) -> None:
    lay_out(tmp_path, "j1", told)
    again = msgspec.structs.replace(told, video=put(tmp_path, blob("f")))
    output = lay_out(tmp_path, "j1", again)
    assert output is not None
    assert files_in(output) == dict(zip(NAMES, "fbcde", strict=True))
    assert (tmp_path / blob("a").key).read_text()[0] == "a"


def test_songs_have_none(told: Notify, tmp_path: Path) -> None:
    assert lay_out(tmp_path, "j1", msgspec.structs.replace(told, voiceover=None)) is None
    assert not (tmp_path / "output").exists()


def test_where_no_name_can_be_given_the_blobs_are_told(told: Notify, tmp_path: Path) -> None:
    odd = msgspec.structs.replace(told, images=(file("images/../../x", blob("e")),))
    assert lay_out(tmp_path, "j1", odd) is None
    (tmp_path / blob("b").key).unlink()
    assert lay_out(tmp_path, "j1", told) is None
    put(tmp_path, blob("b"))
    (tmp_path / "output" / "j2").parent.mkdir(exist_ok=True)
    (tmp_path / "output" / "j2").write_text("not a folder")
    assert lay_out(tmp_path, "j2", told) is None
    assert lay_out(tmp_path, "j1", told) is not None
    assert [path.name for path in (tmp_path / "output" / "j1" / "images").iterdir()] == ["s001.jpg"]
