"""Documents: what may mislead a reader is refused on reading, and a file is written whole or not at all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pqvalidate.documents import (
    Record,
    bounded,
    canonical,
    is_canonical,
    parse_json,
    parse_toml,
    read_bytes,
    to_json,
    to_record,
    write_atomically,
)
from pqvalidate.errors import InputError, UsageError


class Inner(Record):
    """Part of the sample document."""

    name: str
    count: int = 0


class Sample(Record):
    """A document of two levels."""

    title: str
    rows: tuple[Inner, ...] = ()


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)


@given(value=JSON)
def test_what_was_written_is_read_back(value: Any) -> None:
    assert parse_json(canonical(value), "x", "a document") == value
    assert parse_json(to_json(value), "x", "a document") == value


@given(value=JSON)
def test_the_canonical_form_does_not_depend_on_the_order_of_keys(value: Any) -> None:
    def reversed_keys(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: reversed_keys(node[key]) for key in reversed(list(node))}
        return [reversed_keys(item) for item in node] if isinstance(node, list) else node

    assert canonical(reversed_keys(value)) == canonical(value)


WRITERS: tuple[Callable[[Any], bytes], ...] = (
    canonical,
    to_json,
    lambda value: json.dumps(value).encode(),
    lambda value: json.dumps(value, ensure_ascii=False).encode(),
    lambda value: json.dumps(value, separators=(",", ":"), sort_keys=True).encode(),
    lambda value: json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode(),
    lambda value: canonical(value) + b"\n",
)


@pytest.mark.parametrize("write", WRITERS)
@given(value=JSON)
@example(value={"\ue000": 1, "\U00010000": 2})  # in UTF-16 the second comes first
@example(value={"b": "\x7f\u2028\x01é", "a": [0, -1, '\\"/']})
def test_only_the_canonical_form_is_called_canonical(write: Callable[[Any], bytes], value: Any) -> None:
    data = write(value)
    assert is_canonical(parse_json(data, "x", "a document"), data) == (data == canonical(value))


def test_a_document_that_is_nested_too_deeply_is_not_canonical() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    assert not is_canonical(deep, b"[" * 100_000)


@pytest.mark.parametrize(
    ("data", "place", "said"),
    [
        (b'{"a": 1, "a": 2}', "", "the key 'a' occurs twice"),
        (b'{"a": {"b": 1, "b": 1}}', "", "the key 'b' occurs twice"),
        (b'{"a": 1.5}', "", "1.5, which is no integer"),
        (b'{"a": 1e3}', "", "1e3, which is no integer"),
        (b'{"a": NaN}', "", "NaN, which is no integer"),
        (b'{"a": -Infinity}', "", "-Infinity, which is no integer"),
        (b'{"a"', "line 1, column 5", "is not JSON"),
        (b'\n\n{"a": }', "line 3, column 7", "is not JSON"),
        (b'{"a": "\xff"}', "byte 7", "is not UTF-8"),
        (b"[" * 100_000, "", "nested too deeply"),
        (b"", "line 1, column 1", "is not JSON"),
        (b"{}{}", "line 1, column 3", "is not JSON"),
    ],
)
def test_a_misleading_document_is_refused(data: bytes, place: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_json(data, "x.json", "a document")
    assert (caught.value.file, caught.value.place) == ("x.json", place)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("value", "place", "said"),
    [
        ({"titel": "x"}, "", "unknown key 'titel' (nearest: title)"),
        ({"title": "x", "rows": [{"name": "a"}, {"nmae": "b"}]}, "rows[1]", "unknown key 'nmae' (nearest: name)"),
        ({"title": "x", "rows": [{"name": "a", "count": "1"}]}, "rows[0].count", "expected `int`, got `str`"),
        ({"title": "x", "rows": [{}]}, "rows[0]", "missing required field `name`"),
        ({}, "", "missing required field `title`"),
        ([], "", "expected `object`"),
        ({"title": "x", "rows": [{"name": "a", "count": True}]}, "rows[0].count", "expected `int`, got `bool`"),
    ],
)
def test_a_document_of_another_shape_is_refused_with_the_place(value: Any, place: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        to_record(value, Sample, "x.json", "Correct it")
    assert caught.value.place == place
    assert said in str(caught.value)


def test_a_toml_file_gives_its_table_and_a_broken_one_its_line(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text('a = "b"\n')
    assert parse_toml(path, "a manifest") == {"a": "b"}
    path.write_text('a = "b"\nc = \n')
    with pytest.raises(InputError, match="line 2"):
        parse_toml(path, "a manifest")


@pytest.mark.parametrize("what", ["missing", "folder", "null byte"])
def test_what_cannot_be_read_is_an_input_error(what: str, tmp_path: Path) -> None:
    path = {"missing": tmp_path / "gone", "folder": tmp_path, "null byte": Path("a\0b")}[what]
    with pytest.raises(InputError, match="cannot be read"):
        read_bytes(path, "a document")


def test_a_file_is_written_whole_with_its_mode(tmp_path: Path) -> None:
    write_atomically(tmp_path / "x", b"abc", mode=0o600)
    assert (tmp_path / "x").read_bytes() == b"abc"
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_a_failed_write_leaves_the_old_file_and_no_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x").write_bytes(b"old")

    def full(_: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UsageError, match="No space left on device"):
        write_atomically(tmp_path / "x", b"new")
    assert (tmp_path / "x").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_a_missing_folder_is_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file or directory"):
        write_atomically(tmp_path / "gone" / "x", b"abc")


def test_records_are_written_with_their_fields_in_order() -> None:
    written = to_json(Sample(title="x", rows=(Inner(name="a", count=2),)))
    assert json.loads(written) == {"title": "x", "rows": [{"name": "a", "count": 2}]}
    assert written.index(b"title") < written.index(b"rows")
    assert written.endswith(b"}\n")


READ = """
import resource, sys
from pathlib import Path
from pqvalidate import digests, documents
from pqvalidate.errors import InputError
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
path = Path(sys.argv[1])
for read in (documents.read_bytes, documents.parse_toml):
    try:
        read(path, "a certificate")
    except InputError as error:
        print(error)
try:
    digests.file_digests(path)
except OSError as error:
    print(error)
"""


def test_devices_and_pipes_are_refused_and_not_read(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in ("/dev/zero", str(pipe)):  # in a process of its own, which can be ended while it waits
        command = [sys.executable, "-c", READ, path]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        assert done.stdout.count("is no ordinary file. Give the path of a certificate") == 2
        assert "it is no ordinary file" in done.stdout.splitlines()[-1]


def test_a_file_is_read_up_to_its_limit_and_no_further(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 100)
    assert bounded(path, 100, "a file", "Shorten it") == read_bytes(path, "a file") == b"x" * 100
    with pytest.raises(InputError, match=r"is larger than 99 bytes. Shorten it"):
        bounded(path, 99, "a file", "Shorten it")
    link = tmp_path / "link"
    link.symlink_to(path)
    assert read_bytes(link, "a file") == b"x" * 100


def test_a_file_that_says_it_is_empty_is_read_to_its_end() -> None:
    assert read_bytes(Path("/proc/self/status"), "a file").startswith(b"Name:")
    with pytest.raises(InputError, match="is larger than 5 bytes"):
        bounded(Path("/proc/self/status"), 5, "a file", "Shorten it")


class Answer(Record):
    """A document that states its own kind."""

    schema: Literal["pqvalidate/dossier/1"]
    rows: tuple[str, ...] = ()


def test_a_document_in_the_place_of_another_is_named_with_what_takes_it() -> None:
    trust = {"schema": "pqvalidate/trust/1", "validators": []}
    for kind in (Sample, Answer):
        with pytest.raises(InputError) as caught:
            to_record(trust, kind, "x.json", "Give an answer")
        assert str(caught.value) == (
            "x.json: schema: this is a trust file (pqvalidate/trust/1). Give it to --trust. Give an answer."
        )


def test_a_document_of_its_own_kind_or_of_none_of_ours_is_judged_by_its_fields() -> None:
    documents: list[Any] = [{"schema": "pqvalidate/dossier/1", "row": []}, {"schema": "else/1"}, {"schema": []}]
    for document in documents:
        with pytest.raises(InputError) as caught:
            to_record(document, Answer, "x.json", "Give an answer")
        assert "this is" not in str(caught.value)
    assert to_record({"schema": "pqvalidate/dossier/1"}, Answer, "x.json", "Give an answer").rows == ()


def test_a_folder_and_a_missing_file_say_what_they_are(tmp_path: Path) -> None:
    for path, why in ((tmp_path, "Is a directory"), (tmp_path / "gone", "No such file")):
        with pytest.raises(InputError, match=f"cannot be read: {why}"):
            read_bytes(path, "a file")
