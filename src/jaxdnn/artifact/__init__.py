"""Networks in one file that needs no importer: parameters, StableHLO programs, the graph, and machine code.

The file is a zip archive whose members are stored as they are:

=========================  =======================================================================================
``manifest.json``          what the network is, what the other members are, and the SHA-256 of each of them
``params.safetensors``     the parameters by ``owner/slot``
``programs/N.stablehlo``   programs of ``jax.export``: ``f({"owner/slot": array}, {input: array})`` returns
                           ``({output: array}, {output: count})``; an output with a count is valid up to there
``graph.json``             the graph, for programs that ``jax.export`` cannot hold and for a later jax
``constants.safetensors``  the arrays in the graph
``executables/N.bin``      machine code that XLA compiled, for one kind of machine each
=========================  =======================================================================================

Everything but the executables is data. Those are code: to load one is to run what the file's author wrote, which
``trust=True`` permits. Nothing is pickled.
"""
