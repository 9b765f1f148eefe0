"""Constants: what they hold is what comes out, and one repeated value takes no memory."""

import numpy as np

from jaxdnn.layers.constant import Const, Parameter
from support.layer import net_of, run


def test_const():
    value = np.arange(6, dtype=np.float32).reshape(2, 3)
    np.testing.assert_array_equal(run(Const(value=value)), value)


def test_one_repeated_value():
    value = np.broadcast_to(np.float32(1.5), (3, 4))
    np.testing.assert_array_equal(run(Const(value=value)), value)
    assert str(Const(value=value)) == "Const(value=float32[3x4])"


def test_parameter():
    value = np.arange(3, dtype=np.float32)
    np.testing.assert_array_equal(run(Parameter(shape=(3,)), value=value), value)
    assert net_of(Parameter(shape=(3,)), value=value).outputs["y0"].shape == (3,)
