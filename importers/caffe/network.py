"""A prototxt's layers, filtered and wired, turned into a model by the rules."""

from __future__ import annotations

import warnings
from collections.abc import Container, Iterable
from dataclasses import replace

import numpy as np

from jaxdnn.errors import FileError, GraphError, JaxdnnWarning, ParseError, WeightsError, located, some
from jaxdnn.importers import textproto
from jaxdnn.importers.caffe import rules as _rules  # noqa: F401  (registers all rules)
from jaxdnn.importers.caffe.blobs import Blobs
from jaxdnn.importers.caffe.fields import Fields, checked_dimensions, dimensions
from jaxdnn.importers.caffe.finish import finish_graph
from jaxdnn.importers.caffe.phase import is_kept, net_state
from jaxdnn.importers.caffe.registry import RULES, CaffeBuilder, LayerSource
from jaxdnn.importers.caffe.rules.custom import custom, type_name
from jaxdnn.importers.caffe.upgrade import upgrade
from jaxdnn.importers.caffe.weights import StoredLayer, read_weights
from jaxdnn.importers.files import basename, kind_of, read_head, read_text
from jaxdnn.importers.textproto import Message
from jaxdnn.ir import Model, Source, split_reference

_TRAINING_FIELDS = (
    "blobs",
    "blobs_lr",
    "blob_share_mode",
    "weight_decay",
    "loss_weight",
    "loss_param",
    "propagate_down",
    "phase",
    "engine",
    "debug_info",
    "include",
    "exclude",
)


def load_model(
    prototxt: str,
    caffemodel: str | None = None,
    *,
    compat: str | None = None,
    stages: Iterable[str] = (),
    level: int = 0,
    custom: Container[str] = (),
) -> Model:
    """Read a Caffe network.

    Args:
        prototxt: path of the network's description.
        caffemodel: path of its weights.
        compat: ``"opencv"`` for the numerics of OpenCV 4 where they are not Caffe's.
        stages, level: the NetState that include and exclude rules are met by; the phase is TEST.
        custom: the layer types that functions of the user compute, known ones too.

    Raises:
        JaxdnnError: a file cannot be read or does not make sense; the message says where.
    """
    net = _parse(prototxt)
    stored = None if caffemodel is None else read_weights(caffemodel)
    with located(file=prototxt):
        importer = _Importer(net, prototxt, stored, custom, opencv=compat == "opencv")
        state = net_state(net, level, stages)
        for layer in upgrade(net):
            if is_kept(layer, state):
                importer.add(layer)
        model = importer.finish(caffemodel)
    if stored is not None and caffemodel is not None:
        _check_weights_used(importer, stored, caffemodel, model)
    return model


def _parse(path: str) -> Message:
    if kind_of(read_head(path)) == "binary":
        raise FileError("not a prototxt: this is a binary file, a caffemodel perhaps", file=path)
    text = read_text(path)
    with located(file=path):
        net = textproto.parse(text)
    names = {name for name, _ in net.fields}
    if not names.intersection(("layer", "layers")):
        if names.intersection(("base_lr", "max_iter", "solver_mode", "net", "train_net")):
            raise FileError("this is a solver file, not a net: give the file that its 'net' names", file=path)
        raise FileError("not a prototxt of a net: there is no layer in it", file=path)
    return net


class _Importer:
    """Turns layers into nodes, one by one in the file's order."""

    def __init__(
        self,
        net: Message,
        path: str,
        stored: list[StoredLayer] | None,
        custom: Container[str],
        *,
        opencv: bool,
    ) -> None:
        self.builder = CaffeBuilder(opencv=opencv)
        self._path = path
        self._custom = custom
        self._blobs = Blobs(self.builder, _all_tops(net))
        self._stored: dict[str, list[np.ndarray]] = {layer.name: layer.blobs for layer in stored or ()}
        self._stored_order = {layer.name: index for index, layer in enumerate(stored or ())}
        self._ignored: dict[str, list[str]] = {}
        self.used: set[str] = set()
        fields = Fields([net], "net", net.place)
        self.name = fields.string("name") or basename(path)
        for name, shape in _legacy_inputs(net):
            self._blobs.write_input(name, self.builder.input(name, shape))

    def add(self, layer: Message) -> None:
        """Import one layer.

        Raises:
            JaxdnnError: with the layer's name and line.
        """
        source = self._source(layer)
        with located(file=self._path, line=layer.line, layer=source.place):
            self._add(source)

    def _source(self, layer: Message) -> LayerSource:
        fields = Fields([layer], "layer", layer.place)
        kind = fields.string("type", "")
        stated = fields.string("name", "")
        name = stated or f"{kind.lower() or 'layer'}_{len(self.builder.nodes)}"
        fields.ignore(*_TRAINING_FIELDS)
        params = fields.messages("param")
        shared = tuple(param.string("name", "") for param in params)
        for param in params:
            param.ignore("share_mode", "lr_mult", "decay_mult")
        blobs = self._stored.get(stated)
        if blobs is not None:
            self.used.add(stated)
        return LayerSource(
            name=name,
            type=kind,
            bottoms=fields.strings("bottom"),
            tops=fields.strings("top"),
            fields=fields,
            blobs=blobs,
            order=self._stored_order.get(stated, 0),
            shared=shared,
        )

    def _add(self, source: LayerSource) -> None:
        if not source.type:
            raise ParseError("has no type")
        inputs = self._blobs.read(source)
        self.builder.origin = f"{self._path}:{source.fields.line}"
        rule = None if type_name(source) in self._custom else RULES.get(source.type)
        if rule is None:
            values = custom(self.builder, source, inputs)
        else:
            rule.check(source)
            values = rule.function(self.builder, source, inputs)
            self._note_leftovers(source)
        self._blobs.write(source, values)

    def _note_leftovers(self, source: LayerSource) -> None:
        for name, line, similar in source.fields.leftovers():
            if similar:
                raise ParseError(f"unknown field {name!r}; did you mean {similar!r}?", line=line)
            self._ignored.setdefault(name, []).append(f"{self._path}:{line}: layer {source.place}")

    def _warn_of_ignored(self) -> None:
        """Say once of each field that no rule reads where it stands first."""
        for name, (first, *more) in self._ignored.items():
            others = f" (there, and in {len(more)} other places)" if more else ""
            warnings.warn(
                f"{first}: field {name!r} is not known and was ignored{others}", JaxdnnWarning, stacklevel=2
            )

    def finish(self, caffemodel: str | None) -> Model:
        """Return the model, with blobs under their own names."""
        self._warn_of_ignored()
        files = (self._path,) if caffemodel is None else (self._path, caffemodel)
        source = Source("caffe", files, self.builder.preprocessing)
        if not self.builder.nodes:
            raise GraphError("no layer is left for the phase TEST")
        model = self.builder.model(self.name, tuple(self._blobs.available), source)
        return replace(model, graph=finish_graph(model.graph, self._blobs.values))


def _legacy_inputs(net: Message) -> list[tuple[str, tuple[int, ...] | None]]:
    """Return the inputs that a net declares outside its layers, with their shapes."""
    fields = Fields([net], "net", net.place)
    names, sizes = fields.strings("input"), fields.integers("input_dim")
    shapes = fields.messages("input_shape")
    line = next((value.line for value in net.all("input_dim")), 1)
    if shapes:
        if len(shapes) != len(names):
            raise ParseError(f"{len(shapes)} input_shape for {len(names)} input", line=shapes[0].line)
        return [
            (name, dimensions(shape, f"input {name!r}")) for name, shape in zip(names, shapes, strict=True)
        ]
    if not sizes:
        return [(name, None) for name in names]
    if len(sizes) != 4 * len(names):
        raise ParseError(
            f"input_dim must have 4 values per input, got {len(sizes)} for {len(names)}", line=line
        )
    return [
        (name, checked_dimensions(sizes[4 * i : 4 * i + 4], f"input {name!r}", line))
        for i, name in enumerate(names)
    ]


def _all_tops(net: Message) -> dict[str, int]:
    """Return every blob that some layer produces, with the layer's line."""
    layers = [*net.messages("layer"), *net.messages("layers")]
    return {top.text: layer.line for layer in layers for top in layer.scalars("top")}


def _check_weights_used(
    importer: _Importer, stored: list[StoredLayer], caffemodel: str, model: Model
) -> None:
    """Refuse a caffemodel of another net, and say which layers run on their fillers."""
    owners = {split_reference(r)[0] for node in model.graph.nodes for r in node.params.values()}
    if not owners:
        return
    if not stored:
        raise WeightsError(
            f"the file holds no weights at all, not for {some(sorted(owners))}", file=caffemodel
        )
    if not importer.used:
        names = some([layer.name for layer in stored])
        raise WeightsError(f"none of its layers ({names}) occurs in {importer.name!r}", file=caffemodel)
    filled = sorted(owners - model.params.keys())
    if filled:
        warnings.warn(
            f"{caffemodel}: holds nothing for {some(filled)}; their fillers are used",
            JaxdnnWarning,
            stacklevel=3,
        )
