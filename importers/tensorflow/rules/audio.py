"""Sound."""

from __future__ import annotations

from jaxdnn.importers.tensorflow.builder import TensorFlowBuilder
from jaxdnn.importers.tensorflow.registry import NodeSource, rules
from jaxdnn.layers.audio import MelCepstrum, Spectrogram

Values = tuple[str, ...]


@rules("AudioSpectrogram")
def spectrogram(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """Windows of samples."""
    layer = Spectrogram(
        window=node.attributes.integer("window_size"),
        stride=node.attributes.integer("stride"),
        squared=node.attributes.boolean("magnitude_squared", False),
    )
    return b.emit(node, layer, inputs)


@rules("Mfcc", inputs=2)
def mel_cepstrum(b: TensorFlowBuilder, node: NodeSource, inputs: Values) -> Values:
    """The rate is an input; where a file is decoded it comes from there, and has to be fed."""
    layer = MelCepstrum(
        lower=node.attributes.number("lower_frequency_limit", 20.0),
        upper=node.attributes.number("upper_frequency_limit", 4000.0),
        bands=node.attributes.integer("filterbank_channel_count", 40),
        coefficients=node.attributes.integer("dct_coefficient_count", 13),
    )
    return b.emit(node, layer, inputs)
