"""One network, exported once."""

import pytest

from support.artifacts import classifier


@pytest.fixture(scope="session")
def net():
    return classifier()


@pytest.fixture(scope="session")
def path(net, tmp_path_factory):
    path = tmp_path_factory.mktemp("artifact") / "net.jaxdnn"
    net.export(path, labels=("a", "b"), licence="MIT", preprocess={"scale": 0.5})
    return path
