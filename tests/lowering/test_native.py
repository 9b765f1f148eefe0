"""How the library of C++ kernels comes to be."""

import logging
import os
import stat

import jax
import pytest

from jaxdnn.lowering import native
from jaxdnn.lowering.native import library


@pytest.fixture(autouse=True)
def fresh(monkeypatch, tmp_path, caplog):
    caplog.set_level(logging.INFO, library.__name__)
    library._library.cache_clear()
    monkeypatch.setenv(library.SETTING, str(tmp_path / "kernels"))
    monkeypatch.setattr(library, "_loaded", lambda path, version: (path.read_bytes(), version))
    yield
    library._library.cache_clear()


def compiler(tmp_path, monkeypatch, script):
    path = tmp_path / "compiler"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("CXX", str(path))


def test_is_compiled_once(tmp_path, monkeypatch):
    """For all processes, until the sources, jaxlib or the machine change."""
    write = 'while [ "$1" != -o ]; do shift; done; echo made > "$2"'
    compiler(tmp_path, monkeypatch, f'[ "$1" != -shared ] || echo linked >> {tmp_path}/calls; {write}')
    made = native.kernels()
    assert made[0] == b"made\n"
    library._library.cache_clear()
    assert native.kernels() == made
    assert (tmp_path / "calls").read_text() == "linked\n"
    assert [path.name for path in (tmp_path / "kernels").iterdir()] == [f"kernels-{made[1]}.so"]
    library._library.cache_clear()
    monkeypatch.setattr(library, "_CPUINFO", tmp_path / "none")
    assert native.kernels()[1] != made[1]
    assert (tmp_path / "calls").read_text() == "linked\nlinked\n"


def test_a_compiler_that_fails(tmp_path, monkeypatch, caplog):
    compiler(tmp_path, monkeypatch, "echo 'pooling.cc:1: error: no' >&2; exit 1")
    assert native.kernels() is None
    assert "compiler fails: pooling.cc:1: error: no" in caplog.text
    assert list((tmp_path / "kernels").iterdir()) == []


def test_no_compiler(monkeypatch, caplog):
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", "")
    assert native.kernels() is None
    assert "there is no compiler: c++, g++, clang++" in caplog.text


def test_off(monkeypatch, caplog):
    monkeypatch.setenv(library.SETTING, "off")
    assert native.kernels() is None
    assert "JAXDNN_KERNELS is off" in caplog.text


def test_a_folder_that_cannot_be_made(monkeypatch, tmp_path, caplog):
    (tmp_path / "file").touch()
    monkeypatch.setenv(library.SETTING, str(tmp_path / "file"))
    assert native.kernels() is None
    assert "no C++ kernels" in caplog.text


def test_several_devices(monkeypatch, caplog):
    monkeypatch.setattr(jax, "devices", lambda platform: [None, None])
    assert native.kernels() is None
    assert "there are 2 CPU devices" in caplog.text


def test_the_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert library._folder("") == tmp_path / "jaxdnn" / "kernels"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert library._folder("") == tmp_path / ".cache" / "jaxdnn" / "kernels"
    assert library._folder("~/k") == tmp_path / "k"


def test_all_sources_count():
    folder = os.path.dirname(library.__file__)
    assert {name for name in os.listdir(folder) if name.endswith((".cc", ".h"))} == set(library._SOURCES)
