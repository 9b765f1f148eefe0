"""Archives: what is written is read, and every other file is an error."""

import io
import struct
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxdnn import FileError, JaxdnnError
from jaxdnn.artifact.archive import check_hashes, read_archive, sha256, write_archive

NAMES = st.from_regex(r"[a-z]{1,5}(/[a-z0-9]{1,3})?\.[a-z]{1,3}", fullmatch=True)


def written(members) -> bytes:
    file = io.BytesIO()
    write_archive(file, members)
    return file.getvalue()


def store(tmp_path, data: bytes) -> str:
    path = tmp_path / "a.jaxdnn"
    path.write_bytes(data)
    return str(path)


@given(st.dictionaries(NAMES, st.binary(max_size=200), max_size=5))
def test_members_are_read_as_they_were_written(tmp_path_factory, members):
    path = store(tmp_path_factory.mktemp("archive"), written(members.items()))
    if not members:
        with pytest.raises(FileError, match="does not begin like a zip archive"):
            read_archive(path)
        return
    assert {name: bytes(data) for name, data in read_archive(path).items()} == members
    with zipfile.ZipFile(path) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == members
        assert archive.testzip() is None


def test_members_lie_at_multiples_of_64_bytes(tmp_path):
    data = written([("a.bin", b"x" * 7), ("folder/b.bin", b"YYYYYYYY")])
    assert data.index(b"YYYYYYYY") % 64 == 0
    assert data.index(b"xxxxxxx") % 64 == 0


def test_the_same_members_give_the_same_bytes():
    assert written([("a.bin", b"1")]) == written([("a.bin", b"1")])


def refused(tmp_path, data: bytes) -> str:
    with pytest.raises(FileError) as error:
        read_archive(store(tmp_path, data))
    return error.value.message


def zipped(name="a.bin", data=b"abc", compression=zipfile.ZIP_STORED, times=1) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for number in range(times):
            archive.writestr(name.format(number), data)
    return file.getvalue()


def test_no_file(tmp_path):
    with pytest.raises(FileError, match="cannot be read: No such file"):
        read_archive(str(tmp_path / "none"))
    with pytest.raises(FileError, match="cannot be read: Is a directory"):
        read_archive(str(tmp_path))


@pytest.mark.parametrize("data", [b"", b"P", b"name: 'net'", b"\x89PNG"])
def test_another_file(tmp_path, data):
    assert "does not begin like a zip archive" in refused(tmp_path, data)


@pytest.mark.parametrize(
    "name", ["../a.bin", "/etc/a.bin", "a/../b.bin", "C:\\a.bin", "a", ".hidden", "a//b.c", "Ä.b", "a/"]
)
def test_names_that_leave_the_archive_or_are_no_artifacts(tmp_path, name):
    assert "which artifacts do not have" in refused(tmp_path, zipped(name))


def test_compressed_members_are_refused_unread(tmp_path):
    bomb = zipped(data=bytes(10_000_000), compression=zipfile.ZIP_DEFLATED)
    assert len(bomb) < 20_000
    assert "'a.bin' is compressed" in refused(tmp_path, bomb)


def test_too_many_members(tmp_path):
    assert "5000 members, more than 4096" in refused(tmp_path, zipped("n{}.bin", b"", times=5000))


def test_two_members_of_one_name(tmp_path):
    with pytest.warns(UserWarning, match="Duplicate name"):
        data = zipped(times=2)
    assert "two members 'a.bin'" in refused(tmp_path, data)


def test_an_encrypted_member(tmp_path):
    data = bytearray(zipped())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    assert "'a.bin' is encrypted" in refused(tmp_path, bytes(data))


def test_overlapping_members(tmp_path):
    data = bytearray(written([("a.bin", b"abc"), ("b.bin", b"abc")]))
    second = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 4)
    data[second + 42 : second + 46] = struct.pack("<I", 20)
    assert "does not lie where the archive's directory says" in refused(tmp_path, bytes(data))


def test_a_member_larger_than_the_file(tmp_path):
    data = bytearray(zipped())
    entry = data.index(b"PK\x01\x02")
    data[entry + 20 : entry + 28] = struct.pack("<II", 10**9, 10**9)
    assert "ends at byte 1000000" in refused(tmp_path, bytes(data))


@given(st.integers(5, 10_000), st.binary(min_size=1, max_size=4), st.booleans())
def test_mutated_archives_raise_nothing_else(tmp_path_factory, position, replacement, cut):
    whole = written([("manifest.json", b"{}"), ("b.bin", bytes(range(256)))])
    position %= len(whole)
    broken = whole[:position] + (b"" if cut else replacement + whole[position + len(replacement) :])
    try:
        members = read_archive(store(tmp_path_factory.mktemp("archive"), broken))
        check_hashes(members, {"manifest.json": sha256(b"{}"), "b.bin": sha256(bytes(range(256)))})
    except JaxdnnError:
        return
    assert bytes(members["b.bin"]) == bytes(range(256))


def test_the_checksum_of_the_member_that_has_the_hashes(tmp_path):
    data = written([("a.bin", b"abc"), ("b.bin", b"abd")])
    path = store(tmp_path, data.replace(b"abc", b"abb"))
    assert bytes(read_archive(path, "b.bin")["b.bin"]) == b"abd"
    with pytest.raises(FileError, match=r"'a\.bin' is damaged: its checksum"):
        read_archive(path, "a.bin")


def test_hashes():
    data = memoryview(b"abc")
    check_hashes({"a.bin": data}, {"a.bin": sha256(data)})
    with pytest.raises(FileError, match=r"'a\.bin' is damaged"):
        check_hashes({"a.bin": data}, {"a.bin": sha256(b"abd")})
    with pytest.raises(FileError, match=r"'a\.bin' is in the archive, but not in its manifest"):
        check_hashes({"a.bin": data}, {})
    with pytest.raises(FileError, match=r"'b\.bin' is in the manifest, but not in"):
        check_hashes({}, {"b.bin": ""})
