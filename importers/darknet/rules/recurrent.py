"""rnn, gru, lstm, crnn, conv_lstm, history: one step in time, with the state as input and output."""

from __future__ import annotations

from jaxdnn.errors import ShapeError
from jaxdnn.importers.darknet.activations import activate, activation_name
from jaxdnn.importers.darknet.cfg import Section
from jaxdnn.importers.darknet.parts import Convolution, connect, conv_params, convolve
from jaxdnn.importers.darknet.registry import DarknetBuilder, Output, rules
from jaxdnn.importers.darknet.rules.elementwise import identity
from jaxdnn.layers.activation import Clip
from jaxdnn.layers.base import dims, require
from jaxdnn.layers.convolution import conv_output_size
from jaxdnn.layers.elementwise import Eltwise, Identity, Power
from jaxdnn.layers.shape import Concat, Pad

_LOGISTIC = ("", "logistic", "loggy")
_STATE_LIMIT = 32
"""Per step in time, of a convolutional LSTM's cell."""


@rules("rnn")
def rnn(b: DarknetBuilder, section: Section, x: Output) -> Output:
    """``s = f(W x) + g(U s)``, ``y = f(V s)``."""
    units, hidden = section.integer("output", 1), section.integer("hidden", 1)
    activation, kind = activation_name(section, "logistic"), section.integer("logistic", 0)
    own = _LOGISTIC[kind] if kind in (1, 2) else activation
    name = b.name("rnn")
    normalize, residual = section.flag("batch_normalize"), section.flag("shortcut")

    def dense(value: Output, part: str, size: int, function: str) -> Output:
        y = _dense(b, value, f"{name}/{part}", size, batch_normalize=normalize)
        return activate(b, y, function, f"{name}/{part}/{function}")

    state = b.state(f"{name}_state", (hidden, 1, 1), flat=True)
    terms = [dense(x, "input", hidden, activation), dense(state, "self", hidden, own)]
    new = _join(b, "sum", [state, *terms] if residual else terms, f"{name}/state")
    b.next_state(state, new)
    return _named(b, dense(new, "output", units, activation), name)


@rules("crnn")
def crnn(b: DarknetBuilder, section: Section, x: Output) -> Output:
    """As rnn, with convolutions."""
    filters, hidden = section.integer("output", 1), section.integer("hidden", 1)
    activation, residual = activation_name(section, "logistic"), section.flag("shortcut")
    convolution = Convolution.read(section, 3)
    name = b.name("crnn")

    def conv(value: Output, part: str, count: int) -> Output:
        where = {"name": f"{name}/{part}", "norm": f"{name}/{part}/norm"}
        params = conv_params(b, value.shape[0], convolution, count, **where)
        y = convolve(b, value, convolution, count, params, **where)
        return activate(b, y, activation, f"{name}/{part}/{activation}")

    first = conv(x, "input", hidden)
    state = b.state(f"{name}_state", first.shape)
    terms = [first, conv(state, "self", hidden)]
    new = _join(b, "sum", [state, *terms] if residual else terms, f"{name}/state")
    b.next_state(state, new)
    return _named(b, conv(new, "output", filters), name)


@rules("gru")
def gru(b: DarknetBuilder, section: Section, x: Output) -> Output:
    """Gated recurrent unit whose candidate is logistic."""
    units, normalize = section.integer("output", 1), section.flag("batch_normalize")
    name = b.name("gru")
    state = b.state(f"{name}_state", (units, 1, 1), flat=True)

    def dense(value: Output, part: str) -> Output:
        return _dense(b, value, f"{name}/{part}", units, batch_normalize=normalize)

    def gate(first: Output, second: Output, part: str) -> Output:
        return _gate(b, [first, second], "logistic", f"{name}/{part}")

    inputs = {part: dense(x, f"input_{part}") for part in "zrh"}
    update = gate(inputs["z"], dense(state, "state_z"), "z")
    reset = gate(inputs["r"], dense(state, "state_r"), "r")
    forgotten = _join(b, "product", [state, reset], f"{name}/forgotten")
    candidate = gate(inputs["h"], dense(forgotten, "state_h"), "h")
    rest = b.emit(Power(scale=-1.0, shift=1.0), update, shape=update.shape, name=f"{name}/rest", flat=True)
    kept = _join(b, "product", [update, state], f"{name}/kept")
    added = _join(b, "product", [rest, candidate], f"{name}/added")
    y = _join(b, "sum", [kept, added], name)
    b.next_state(state, y)
    return y


@rules("lstm")
def lstm(b: DarknetBuilder, section: Section, x: Output) -> Output:
    """Long short-term memory."""
    units, normalize = section.integer("output", 1), section.flag("batch_normalize")
    name = b.name("lstm")
    state = b.state(f"{name}_state", (units, 1, 1), flat=True)
    cell = b.state(f"{name}_cell", (units, 1, 1), flat=True)
    sums: dict[str, list[Output]] = {gate: [] for gate in "figo"}
    for kind, value in (("w", state), ("u", x)):
        for gate, terms in sums.items():
            terms.append(_dense(b, value, f"{name}/{kind}{gate}", units, batch_normalize=normalize))
    gates = {
        gate: _gate(b, terms, "tanh" if gate == "g" else "logistic", f"{name}/{gate}")
        for gate, terms in sums.items()
    }
    new = _new_cell(b, gates, cell, name)
    y = _join(b, "product", [gates["o"], activate(b, new, "tanh", f"{name}/tanh")], name)
    b.next_state(cell, new)
    b.next_state(state, y)
    return y


@rules("conv_lstm")
def conv_lstm(b: DarknetBuilder, section: Section, x: Output) -> Output:
    """Long short-term memory with convolutions, and perhaps peepholes or a bottleneck.

    A bottleneck joins state and input before the gates, which then see nothing else.
    """
    section.ignore("time_normalizer")
    filters, activation = section.integer("output", 1), activation_name(section, "linear")
    squash = activation_name(section, "tanh", "lstm_activation")
    peephole, bottleneck = section.flag("peephole"), section.flag("bottleneck")
    limit = section.integer("state_constrain", _STATE_LIMIT)
    require(not (section.flag("shortcut") and bottleneck), "shortcut with a bottleneck is not supported")
    convolution = Convolution.read(section, 3)
    name = b.name("conv_lstm")
    channels = {"v": filters, "w": filters * (1 + bottleneck), "u": filters if bottleneck else x.shape[0]}
    parts = [f"v{gate}" for gate in "fio" if peephole]
    parts += ["wf"] if bottleneck else [f"w{gate}" for gate in "figo"]
    parts += [f"u{gate}" for gate in "figo"]
    params = {
        part: conv_params(
            b, channels[part[0]], convolution, filters, name=f"{name}/{part}", norm=f"{name}/{part}/norm"
        )
        for part in parts
    }

    def conv(value: Output, part: str) -> Output:
        where = {"name": f"{name}/{part}", "norm": f"{name}/{part}/norm"}
        y = convolve(b, value, convolution, filters, params[part], **where)
        return activate(b, y, activation, f"{name}/{part}/{activation}")

    height, width = conv_output_size(convolution.layer(filters, bias=False), x.shape[1:])
    shape = (filters, height, width)
    state, cell = b.state(f"{name}_state", shape), b.state(f"{name}_cell", shape)
    if bottleneck:
        joined = (filters + x.shape[0], *shape[1:])
        both = b.emit(Concat(), state, b.image(x), shape=joined, name=f"{name}/joined")
        x = activate(b, conv(both, "wf"), squash, f"{name}/bottleneck")
    sums = {gate: [conv(x, f"u{gate}")] for gate in "figo"}
    for gate, terms in sums.items():
        if not bottleneck:
            terms.append(conv(state, f"w{gate}"))
        if peephole and gate in "fi":
            terms.append(conv(cell, f"v{gate}"))
    gates = {
        gate: _gate(b, sums[gate], squash if gate == "g" else "logistic", f"{name}/{gate}") for gate in "fig"
    }
    new = _new_cell(b, gates, cell, name)
    if peephole:
        sums["o"].append(conv(new, "vo"))
    output = _gate(b, sums["o"], "logistic", f"{name}/o")
    y = _join(b, "product", [output, activate(b, new, squash, f"{name}/{squash}")], name)
    if limit:
        bounds = Clip(floor=-float(limit), ceiling=float(limit))
        new = b.emit(bounds, new, shape=new.shape, name=f"{name}/limited")
    b.next_state(cell, new)
    b.next_state(state, y)
    return y


@rules("history")
def history(b: DarknetBuilder, section: Section, x: Output) -> Output:
    """The last pictures, the newest first, stacked as channels."""
    size = section.integer("history_size", 4)
    require(size >= 1, f"history_size must be at least 1, got {size}")
    x = b.image(x)
    channels, *picture = x.shape
    name = b.name("history")
    if size == 1:
        return identity(b, x)
    state = b.state(f"{name}_state", (channels * (size - 1), picture[0], picture[1]))
    y = b.emit(Concat(), x, state, shape=(channels * size, picture[0], picture[1]), name=name)
    cut = Pad(before=(0,), after=(-channels,), axis=1)
    b.next_state(state, b.emit(cut, y, shape=state.shape, name=f"{name}/kept"))
    return y


def _dense(b: DarknetBuilder, x: Output, name: str, units: int, *, batch_normalize: bool) -> Output:
    return connect(b, x, units, name=name, norm=f"{name}/norm", batch_normalize=batch_normalize)


def _join(b: DarknetBuilder, operation: str, terms: list[Output], name: str) -> Output:
    shape = terms[0].shape
    for term in terms[1:]:
        if term.shape != shape:
            raise ShapeError(f"a state of {dims(shape)} becomes {dims(term.shape)}: it must keep its size")
    if len(terms) == 1:
        return terms[0]
    return b.emit(Eltwise(operation=operation), *terms, shape=shape, name=name, flat=terms[0].flat)


def _gate(b: DarknetBuilder, terms: list[Output], function: str, name: str) -> Output:
    return activate(b, _join(b, "sum", terms, f"{name}/sum"), function, name)


def _new_cell(b: DarknetBuilder, gates: dict[str, Output], cell: Output, name: str) -> Output:
    """Forget a part of the cell, and add a part of the candidate."""
    kept = _join(b, "product", [gates["f"], cell], f"{name}/kept")
    added = _join(b, "product", [gates["i"], gates["g"]], f"{name}/added")
    return _join(b, "sum", [kept, added], f"{name}/cell")


def _named(b: DarknetBuilder, x: Output, name: str) -> Output:
    return b.emit(Identity(), x, shape=x.shape, name=name, flat=x.flat)
