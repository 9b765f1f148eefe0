"""What holds for every layer, whatever it computes."""

import dataclasses
import importlib
import inspect
import pkgutil
import re

import pytest

import jaxdnn.layers
import jaxdnn.lowering
from jaxdnn.layers.base import Layer
from jaxdnn.layers.custom import Custom
from jaxdnn.lowering import LOWERINGS

for module in pkgutil.iter_modules(jaxdnn.layers.__path__):
    importlib.import_module(f"jaxdnn.layers.{module.name}")


def subclasses(cls):
    for subclass in cls.__subclasses__():
        if subclass.__module__.startswith("jaxdnn.layers."):
            yield subclass
            yield from subclasses(subclass)


LAYERS = sorted(set(subclasses(Layer)), key=lambda layer: layer.__qualname__)
BASES = [layer for layer in LAYERS if layer not in LOWERINGS and any(subclasses(layer))]
COMPUTED = [layer for layer in LAYERS if layer not in BASES and layer is not Custom]


@pytest.mark.parametrize("layer", COMPUTED)
def test_it_has_a_lowering(layer):
    assert layer in LOWERINGS


@pytest.mark.parametrize("layer", list(LOWERINGS))
def test_a_lowering_has_a_layer_and_lies_in_the_file_of_its_family(layer):
    assert layer in LAYERS
    family = layer.__module__.rpartition(".")[2]
    homes = (f"jaxdnn.lowering.{family}", "jaxdnn.lowering.registry")  # which wraps plain functions
    assert LOWERINGS[layer].function.__module__ in homes


@pytest.mark.parametrize("layer", LAYERS)
def test_it_is_frozen_keyword_only_data(layer):
    for change in (lambda it: setattr(it, "stride", 2), lambda it: delattr(it, "stride")):
        with pytest.raises(dataclasses.FrozenInstanceError, match="stride"):
            change(object.__new__(layer))
    assert all(field.kw_only for field in dataclasses.fields(layer))


@pytest.mark.parametrize("layer", LAYERS)
def test_its_docstring_specifies_every_attribute(layer):
    docs = "\n".join(base.__doc__ for base in layer.__mro__ if issubclass(base, Layer))
    assert layer.__doc__ != Layer.__doc__
    assert not layer.__doc__.startswith(f"{layer.__name__}("), "the docstring is the dataclass's own"
    for field in dataclasses.fields(layer):
        assert re.search(rf"\b{field.name}\b", docs), f"{layer.__name__}.{field.name} is not described"


@pytest.mark.parametrize("layer", COMPUTED)
def test_its_name_is_unique_and_in_camel_case(layer):
    assert re.fullmatch(r"([A-Z][a-z0-9]*)+", layer.__name__)
    assert [other.__name__ for other in LAYERS].count(layer.__name__) == 1


@pytest.mark.parametrize("layer", COMPUTED)
def test_its_lowering_takes_layer_weights_and_inputs(layer):
    parameters = list(inspect.signature(LOWERINGS[layer].function).parameters.values())
    assert [parameter.name for parameter in parameters[:2]] == ["layer", "weights"]
