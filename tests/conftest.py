"""Strict numerics for every test: no silent promotion of types or ranks."""

import os

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import pytest
from hypothesis import settings

jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")
settings.register_profile("default", deadline=None, max_examples=10, derandomize=True)
settings.load_profile("default")


@pytest.fixture
def no_kernels(monkeypatch):
    """Everything as XLA computes it, as where there is no compiler for the C++ kernels."""
    from jaxdnn.lowering import native

    monkeypatch.setenv(native.SETTING, "off")


@pytest.fixture(scope="session")
def shared():
    """The folder of trained networks and corpora; tests that need it skip where it is absent."""
    from support.shared import shared_folder

    folder = shared_folder()
    if folder is None:
        pytest.skip("needs the shared networks: set JAXDNN_SHARED")
    return folder
