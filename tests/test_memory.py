"""Memory that a process keeps."""

import ctypes
import platform
import subprocess
import sys

import pytest

import jaxdnn

FREED = """
import ctypes
import resource
import jaxdnn

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
kept = jaxdnn.keep_memory() if {keep} else False

def block():
    address = ctypes.c_void_p(libc.malloc(2**26))
    libc.memset(address, 1, 2**26)
    libc.free(address)

block()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(4):
    block()
print(kept, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def run(keep: bool) -> tuple[str, int]:
    code = FREED.format(keep=keep)
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    kept, faults = out.split()
    return kept, int(faults)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has the setting")
def test_freed_blocks_are_used_again():
    kept, faults = run(keep=True)
    assert kept == "True"
    assert faults < 100 < run(keep=False)[1]


def test_another_c_library_is_left_alone(monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    assert not jaxdnn.keep_memory()
