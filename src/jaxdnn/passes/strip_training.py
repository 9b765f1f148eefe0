"""Remove what only training and testing need."""

from __future__ import annotations

from dataclasses import replace

from jaxdnn.ir import Model
from jaxdnn.passes.prune import prune


def strip_training(model: Model) -> Model:
    """Remove losses and metrics: whatever depends on labels, and the labels themselves.

    Labels are the optional inputs whose place nothing takes. The outputs become those that a call without labels
    yields (:meth:`~jaxdnn.ir.Graph.default_outputs`). A network that yields nothing without them stays as it is.

    Given::

        graph 'n' (x, label) -> (loss)
          y = Dense(x)
          p = Softmax(y)
          loss = CrossEntropyLoss(p, label)

    Result::

        graph 'n' (x) -> (p)
          y = Dense(x)
          p = Softmax(y)
    """
    graph = model.graph
    outputs = graph.default_outputs(graph.required_inputs)
    if outputs == graph.outputs or not outputs:
        return model
    labels = {value.name for value in graph.inputs}.difference(graph.computable(graph.required_inputs))
    inputs = tuple(value for value in graph.inputs if value.name not in labels)
    aliases = {alias: name for alias, name in graph.aliases.items() if name not in labels}
    return prune(replace(model, graph=replace(graph, inputs=inputs, outputs=outputs, aliases=aliases)))
