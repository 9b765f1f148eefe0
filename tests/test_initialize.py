"""First values: exact for the deterministic families, by their moments for the random ones."""

import math

import jax
import numpy as np
import pytest

from jaxdnn.errors import WeightsError
from jaxdnn.initialize import bind, initialize, require_complete
from jaxdnn.ir import Initializer

KEY = jax.random.key(0)
SHAPE = (80, 50, 3, 5)
FANS = {"fan_in": 50 * 15, "fan_out": 80 * 15, "average": 65 * 15}


def draw(shape=SHAPE, **attributes):
    array = initialize(Initializer(**attributes), shape, np.random.default_rng(0))
    assert array.shape == shape
    assert array.dtype == np.float32
    return array


def test_constant():
    assert (draw(kind="constant", value=2.5) == 2.5).all()


def test_uniform():
    array = draw(kind="uniform", low=-1, high=3)
    assert -1 <= array.min() < -0.99
    assert 2.99 < array.max() <= 3
    assert array.mean() == pytest.approx(1, abs=0.02)


def test_gaussian():
    array = draw(kind="gaussian", mean=2, std=0.5)
    assert array.mean() == pytest.approx(2, abs=0.01)
    assert array.std() == pytest.approx(0.5, rel=0.02)


def test_sparse_gaussian_keeps_so_many_weights_per_output():
    array = draw(kind="gaussian", sparse=20)
    assert np.count_nonzero(array) / array.size == pytest.approx(20 / 80, rel=0.03)
    assert (draw((4, 9), kind="gaussian", sparse=9) != 0).all()


@pytest.mark.parametrize("norm", FANS)
def test_xavier(norm):
    array = draw(kind="xavier", variance_norm=norm)
    bound = math.sqrt(3 / FANS[norm])
    assert np.abs(array).max() == pytest.approx(bound, rel=0.001)
    assert array.std() == pytest.approx(bound / math.sqrt(3), rel=0.02)


@pytest.mark.parametrize("norm", FANS)
def test_msra(norm):
    array = draw(kind="msra", variance_norm=norm)
    assert array.std() == pytest.approx(math.sqrt(2 / FANS[norm]), rel=0.02)


def test_positive_unitball():
    array = draw(kind="positive_unitball")
    assert array.min() >= 0
    np.testing.assert_allclose(array.reshape(80, -1).sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize(
    ("size", "tent"), [(4, [0.25, 0.75, 0.75, 0.25]), (5, np.array([1, 2, 3, 2, 1]) / 3)]
)
def test_bilinear(size, tent):
    array = draw((2, 1, size, size), kind="bilinear")
    np.testing.assert_allclose(array, np.broadcast_to(np.outer(tent, tent), array.shape), atol=1e-6)


def test_bind_prefers_what_is_stored():
    stored = {"fc": {"weight": np.arange(6, dtype=np.float32).reshape(1, 1, 2, 3)}}
    initializers = {"fc/weight": Initializer(value=9), "fc/bias": Initializer(value=7)}
    params, missing = bind(stored, initializers, {"fc/weight": (2, 3), "fc/bias": (2,)}, None)
    assert missing == []
    np.testing.assert_array_equal(params["fc"]["weight"], [[0, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(params["fc"]["bias"], [7, 7])


def test_without_a_key_random_and_unstated_parameters_are_missing():
    initializers = {"a/weight": Initializer(kind="xavier")}
    params, missing = bind({}, initializers, {"a/weight": (2, 3), "a/bias": (2,)}, None)
    assert (params, missing) == ({}, ["a/weight", "a/bias"])
    with pytest.raises(WeightsError, match=r"no values for 2 parameters \('a/weight', 'a/bias'\)"):
        require_complete(missing)
    require_complete([])


def test_with_a_key_every_parameter_is_drawn_independently():
    expected = {"a/weight": (40, 30), "b/weight": (40, 30), "b/bias": (40,)}
    params, missing = bind({}, {}, expected, KEY)
    assert missing == []
    assert (params["a"]["weight"] != params["b"]["weight"]).all()
    assert np.abs(params["a"]["weight"]).max() <= math.sqrt(3 / 30)
    assert (params["b"]["bias"] == 0).all()
    again, _ = bind({}, {}, expected, KEY)
    np.testing.assert_array_equal(params["a"]["weight"], again["a"]["weight"])
