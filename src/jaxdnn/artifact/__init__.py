"""Networks in one file that needs no importer: parameters, StableHLO programs, the graph, and machine code.

The file is a zip archive whose members are stored as they are:

=========================  =======================================================================================
``manifest.json``          what the network is, what the other members are, and the SHA-256 of each of them
``params.safetensors``     the parameters by ``owner/slot``
``programs/N.stablehlo``   programs of ``jax.export``: ``f({"owner/slot": array}, {input: array})`` returns
                           ``({output: array}, {output: count})``; an output with a count is valid up to there
``graph.json``             the graph, for programs that ``jax.export`` cannot hold and for a later jax
``constants.safetensors``  the arrays in the graph
``executables/N.bin``      machine code that XLA compiled, for one kind of machine each; on a CPU beside
                           ``N_preparation.bin``, which puts the parameters into the order that it reads
=========================  =======================================================================================

Parameters, graph and constants are data, read by readers that check every field. Executables are code, and XLA's
reader of programs is not made for hostile files: both are read only with ``trust=True``. Nothing is pickled.
"""
