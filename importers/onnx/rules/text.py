"""Features of sequences of numbers that stand for words."""

from __future__ import annotations

import numpy as np

from jaxdnn.errors import LayerError
from jaxdnn.importers.onnx.builder import OnnxBuilder
from jaxdnn.importers.onnx.registry import NodeSource, Values, rules
from jaxdnn.importers.onnx.standard import floating
from jaxdnn.layers.arithmetic import Binary, Cast
from jaxdnn.layers.segments import CountSequences
from jaxdnn.layers.shape import Concat, Gather, Pad

_MAX_FEATURES = 2**24


@rules("TfIdfVectorizer")
def tf_idf_vectorizer(b: OnnxBuilder, node: NodeSource, inputs: Values) -> Values:
    """How often, or whether, sequences of a pool occur, times weights."""
    attributes = node.attributes
    mode = attributes.one_of("mode", ("TF", "IDF", "TFIDF"))
    shortest, longest = (attributes.integer(f"{name}_gram_length") for name in ("min", "max"))
    indexes = np.array(attributes.integers("ngram_indexes"), np.int64)
    (whole,) = b.emit(node, Cast(dtype="int32"), inputs, part="numbers")
    found: list[str] = []
    order: list[np.ndarray] = []
    at = 0
    for length, pool in enumerate(_pools(node), 1):
        if shortest <= length <= longest and len(pool):
            grams = b.const(node, pool.astype(np.int32), part=f"pool{length}")
            layer = CountSequences(skips=attributes.integer("max_skip_count"))
            found += b.emit(node, layer, (whole, grams), part=f"counts{length}")
            order.append(indexes[at : at + len(pool)])
        at += len(pool)
    if at != len(indexes) or not found or indexes.min() < 0:
        raise LayerError(f"ngram_indexes has {len(indexes)} places for the {at} sequences of its pool")
    if indexes.max() >= _MAX_FEATURES:
        raise LayerError(f"ngram_indexes go up to {indexes.max()}, {_MAX_FEATURES} or more")
    # What no sequence of these lengths goes to is taken from one more element, a zero.
    known = np.concatenate(order)
    places = np.full(int(indexes.max()) + 1, len(known), np.int32)
    places[known] = np.arange(len(known))
    counts = b.emit(node, Concat(axis=-1), tuple(found), part="counts")
    counts = b.emit(node, Pad(before=(0,), after=(1,), axis=-1), counts, part="with_zero")
    moved = b.const(node, places, part="places")
    weighted = mode != "TF" and attributes.has("weights")
    attributes.ignore("weights")
    (y,) = b.emit(node, Gather(axis=-1), (*counts, moved), part="found" if weighted or mode == "IDF" else "")
    if mode == "IDF":
        one = floating(b, node, 1, part="one")
        (y,) = b.emit(node, Binary(function="minimum"), (y, one), part="occurs" if weighted else "")
    if not weighted:
        return (y,)
    stated = np.array(attributes.numbers("weights"), np.float32)
    if len(stated) != len(indexes):
        raise LayerError(f"has {len(stated)} weights for {len(indexes)} sequences")
    spread = np.zeros(len(places), np.float32)
    spread[indexes] = stated
    return b.emit(node, Binary(function="multiply"), (y, b.const(node, spread, part="weights")))


def _pools(node: NodeSource) -> list[np.ndarray]:
    """Return the sequences of each length, (n, length)."""
    if not node.attributes.has("pool_int64s"):
        raise LayerError("its pool holds no numbers")
    pool = np.array(node.attributes.integers("pool_int64s"), np.int64)
    starts = node.attributes.integers("ngram_counts")
    ends = (*starts[1:], len(pool)) if starts else ()
    pools = []
    for length, (start, end) in enumerate(zip(starts, ends, strict=True), 1):
        if not 0 <= start <= end <= len(pool) or (end - start) % length:
            raise LayerError(f"ngram_counts {starts} do not cut a pool of {len(pool)} into sequences")
        pools.append(pool[start:end].reshape(-1, length))
    return pools
