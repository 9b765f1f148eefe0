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
import threading
import jaxdnn

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
kept = jaxdnn.keep_memory() if {keep} else False

def block():
    address = ctypes.c_void_p(libc.malloc({size}))
    libc.memset(address, 1, {size})
    libc.free(address)

def measure():
    libc.malloc(3 * 2**24)  # with it the first heap of a thread is full
    block()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(4):
        block()
    print(kept, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)

thread = threading.Thread(target=measure)
thread.start() if {thread} else measure()
"""


def run(keep: bool, thread: bool, size: int) -> tuple[str, int]:
    code = FREED.format(keep=keep, thread=thread, size=size)
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    kept, faults = out.split()
    return kept, int(faults)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has the setting")
@pytest.mark.parametrize("size", [2**25, 2**26])
@pytest.mark.parametrize("thread", [False, True])
def test_freed_blocks_are_used_again(thread, size):
    kept, faults = run(True, thread, size)
    assert kept == "True"
    assert faults < 100 < run(False, thread, size)[1]


def test_another_c_library_is_left_alone(monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    assert not jaxdnn.keep_memory()
