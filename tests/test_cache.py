"""``jaxdnn.cache``."""

import jax
import numpy as np
import pytest

import jaxdnn
from support import caffe
from support.process import call

LAYER = (
    'layer { name: "fc" type: "InnerProduct" bottom: "data" top: "fc" inner_product_param { num_output: 3 } }'
)
PROGRAM = """
import sys, jax, numpy, jaxdnn
with jaxdnn.cache(sys.argv[1]) as cache:
    jaxdnn.load(sys.argv[2], key=jax.random.key(0))(numpy.ones((2, 5), "float32"))
print(cache.hits, cache.misses)
"""


@pytest.fixture
def prototxt(tmp_path):
    [path] = caffe.write(tmp_path, caffe.inputs(data=(2, 5)) + LAYER)
    return path


def test_another_process_compiles_nothing(tmp_path, prototxt):
    folder = tmp_path / "some" / "folder"
    counts = [
        [int(n) for n in call(["python", "-c", PROGRAM, folder, prototxt], tmp_path).split()]
        for _ in range(2)
    ]
    (first_hits, first_misses), (hits, misses) = counts
    assert first_misses > 0
    assert (hits, misses) == (first_hits + first_misses, 0)


def test_counts_and_size(tmp_path, prototxt):
    net = jaxdnn.load(prototxt, key=jax.random.key(0))
    net(np.ones((2, 5), "float32"))  # a process's first call asks what its compiler can do
    with jaxdnn.cache(tmp_path / "cache") as cache:
        assert (cache.hits, cache.misses, cache.bytes) == (0, 0, 0)
        net(np.ones((3, 5), "float32"))
        assert (cache.hits, cache.misses) == (0, 1)
        assert cache.bytes > 0
        jax.clear_caches()
        jaxdnn.load(prototxt, key=jax.random.key(0))(np.ones((3, 5), "float32"))
        assert cache.hits > 0
    assert repr(cache) == f"Cache({str(tmp_path / 'cache')!r}; {cache.hits} hits, {cache.misses} misses)"


def test_settings_come_back(tmp_path):
    before = {name: value for name, value in jax.config.values.items() if "cache" in name}
    with jaxdnn.cache(tmp_path / "one"):
        second = jaxdnn.cache(tmp_path / "two")
        assert jax.config.jax_compilation_cache_dir == str(tmp_path / "two")
    second.close()
    second.close()
    assert {name: value for name, value in jax.config.values.items() if "cache" in name} == before


def test_the_one_before_counts_no_more(tmp_path):
    first, second = jaxdnn.cache(tmp_path / "one"), jaxdnn.cache(tmp_path / "two")
    with second:
        jax.jit(lambda x: x * 3 + 17)(np.ones(7))
    assert (first.hits, first.misses) == (0, 0)
    assert second.misses == 1


def test_a_file_is_no_folder(tmp_path):
    path = tmp_path / "file"
    path.write_text("")
    with pytest.raises(jaxdnn.FileError, match="cannot be made"):
        jaxdnn.cache(path)
