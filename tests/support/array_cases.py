"""One case for each layer that computes with arrays as numpy does, and for each of its functions."""

from __future__ import annotations

import numpy as np

from jaxdnn.ir import Graph, Node, Value
from jaxdnn.layers.arithmetic import BINARY, UNARY, Accumulate, Binary, Cast, Einsum, Select, Unary
from jaxdnn.layers.control import Branch, While
from jaxdnn.layers.diagonal import (
    BandPart,
    Diagonal,
    DiagonalPart,
    SetDiagonal,
    TensorDiagonal,
    TensorDiagonalPart,
    Triangle,
)
from jaxdnn.layers.elements import GatherElements, ReplaceWindow, ScatterElements, SliceAxes
from jaxdnn.layers.indexing import (
    UPDATES,
    GatherNd,
    OneHot,
    ScatterNd,
    ScatterUpdate,
    Stitch,
    StridedSlice,
    TopK,
    Window,
)
from jaxdnn.layers.late import Late
from jaxdnn.layers.linear_algebra import Cholesky, Determinant, Eigh, Inverse, Qr, Solve, Svd
from jaxdnn.layers.lists import (
    ListGet,
    ListJoin,
    ListPop,
    ListPush,
    ListReserve,
    ListResize,
    ListScatter,
    ListSet,
    ListShape,
    ListSplit,
)
from jaxdnn.layers.reduction import ArgMax, Reduce
from jaxdnn.layers.segments import (
    CountSequences,
    CountValues,
    Histogram,
    InTop,
    InvertPermutation,
    SearchSorted,
    SegmentReduce,
)
from jaxdnn.layers.selection import NonZero, Partition, Unique, UniqueSlices
from jaxdnn.layers.sequences import (
    SequenceAt,
    SequenceErase,
    SequenceInsert,
    SequenceJoin,
    SequenceLength,
    SequenceOf,
    SequenceSplit,
)
from jaxdnn.layers.shape import (
    DepthToSpace,
    Filter,
    Gather,
    Reshape,
    ReshapeLike,
    Reverse,
    SpaceToDepth,
    Tile,
)
from jaxdnn.layers.tensor import (
    BatchToSpace,
    BroadcastTo,
    ExpandDims,
    Fill,
    FillLike,
    LinSpace,
    Range,
    ReverseSequence,
    Roll,
    ShapeOf,
    SpaceToBatch,
    SplitSizes,
    Squeeze,
    Stack,
    Unstack,
)
from jaxdnn.layers.trees import LookUp, TreeLeaves
from support.case import Case, image, ints, noise, positive

X, Y = noise(3, 5), noise(3, 5, seed=1)
MATRIX = noise(2, 4, 4)
DEFINITE = MATRIX @ MATRIX.transpose(0, 2, 1) + 2 * np.eye(4, dtype=np.float32)
COUNTS = np.array([[5, 3, 1], [2, 7, 4]], np.int32)
FLAGS = np.array([[True, False, True], [False, False, True]])
OF_INTEGERS = (
    *("bitwise_and", "bitwise_or", "bitwise_xor", "shift_left", "shift_right"),
    *("shift_out_left", "shift_out_right"),
)
OF_FLAGS = ("not", "and", "or", "xor")
ABOVE_ONE = ("acosh", "zeta")
COMPLEX = ("real", "imag", "conj", "angle", "complex", "complex_abs")


def _unary(function: str) -> Case:
    x = positive(3, 5)
    if function in OF_FLAGS:
        x = FLAGS
    elif function in ("invert", "popcount", "bitwise_not", "population_count"):
        x = COUNTS
    elif function in ABOVE_ONE:
        x = x + np.float32(1)
    return Case(f"Unary, {function.replace('_', ' ')}", Unary(function=function), (x,), "arithmetic")


def _binary(function: str) -> Case:
    pair = positive(3, 5), positive(3, 5, seed=1)
    if function in OF_FLAGS:
        pair = FLAGS, ~FLAGS[::-1]
    elif function in OF_INTEGERS:
        pair = COUNTS, COUNTS[::-1] % 3
    elif function == "polygamma":
        pair = np.full((3, 5), 2, np.float32), pair[1]
    elif function == "zeta":
        pair = pair[0] + np.float32(1.5), pair[1]
    exact = {"polygamma": (0,), "igamma": (0,), "igammac": (0,), "zeta": (0,)}.get(function, ())
    return Case(
        f"Binary, {function.replace('_', ' ')}", Binary(function=function), pair, "arithmetic", indices=exact
    )


def _arithmetic() -> list[Case]:
    reductions = ("sum", "mean", "max", "min", "product", "abs_sum", "square_sum")
    return [
        *map(_unary, (f for f in UNARY if f not in COMPLEX)),
        *map(_binary, (f for f in BINARY if f not in COMPLEX)),
        *(
            Case(f"Reduction, {name.replace('_', ' ')}", Reduce(operation=name, axes=(1,)), (X,), "reduction")
            for name in reductions
        ),
        Case("Reduction, any", Reduce(operation="any", axes=(1,)), (FLAGS,), "reduction"),
        Case("Select", Select(), (X > 0, X, Y), "arithmetic"),
        Case("Cast", Cast(dtype="float32"), (COUNTS,), "arithmetic"),
        Case("Cast to integers", Cast(dtype="int32"), (X,), "arithmetic"),
        Case("Running sums", Accumulate(axis=1), (X,), "arithmetic"),
        Case("Running products", Accumulate(axis=1, operation="product"), (X,), "arithmetic"),
        Case("Einsum", Einsum(equation="ij,kj->ik"), (X, Y), "arithmetic"),
        Case("ArgMax", ArgMax(axis=1), (X,), "reduction"),
        Case("Histogram", Histogram(count=4), (X, np.array([-2, 2], np.float32)), "segments"),
        Case("Counts", CountValues(size=9), (COUNTS, X[:2, :3]), "segments"),
        Case("Counts of sequences", CountSequences(skips=1), (COUNTS, ints([5, 3], [2, 4])), "segments"),
        Case("Sorted places", SearchSorted(), (np.sort(X, 1), Y), "segments"),
        Case("Among the best", InTop(count=2), (X, ints(1, 4, 0)), "segments"),
        Case("Inverse permutation", InvertPermutation(), (ints(2, 0, 1),), "segments"),
        *(
            Case(
                f"Segments, {name.replace('_', ' ')}",
                SegmentReduce(operation=name, segments=2),
                (X, ints(0, 1, 1)),
                "segments",
            )
            for name in ("sum", "mean", "root_mean", "product", "max", "min")
        ),
    ]


def _linear_algebra() -> list[Case]:
    return [
        Case("Cholesky", Cholesky(), (DEFINITE,), "linear_algebra"),
        Case("Inverse", Inverse(), (DEFINITE,), "linear_algebra"),
        Case("Determinant", Determinant(), (MATRIX,), "linear_algebra"),
        Case("Solve", Solve(), (DEFINITE, noise(2, 4, 3)), "linear_algebra"),
        Case("QR", Qr(), (noise(2, 4, 3),), "linear_algebra", outputs=2),
        Case("SVD", Svd(), (noise(2, 4, 3),), "linear_algebra", outputs=3),
        Case("Eigenvalues", Eigh(vectors=False), (DEFINITE,), "linear_algebra"),
        Case("Band", BandPart(lower=1, upper=0), (MATRIX,), "diagonal"),
        Case("Triangle", Triangle(upper=True), (MATRIX,), "diagonal"),
        Case("Diagonal matrix", Diagonal(), (X,), "diagonal"),
        Case("Diagonal of a matrix", DiagonalPart(), (MATRIX,), "diagonal"),
        Case("Other diagonal", SetDiagonal(), (MATRIX, noise(2, 4)), "diagonal"),
        Case("Diagonal tensor", TensorDiagonal(), (X,), "diagonal"),
        Case("Diagonal of a tensor", TensorDiagonalPart(), (noise(3, 2, 3, 2),), "diagonal"),
    ]


def _indexing() -> list[Case]:
    places = ints([0, 1], [2, 4])
    return [
        Case(
            "Slice with steps",
            StridedSlice(),
            (X, ints(0, 4), ints(2, 0), ints(1, -2)),
            "indexing",
            known=(1, 2, 3),
        ),
        Case(
            "Slice of some axes",
            SliceAxes(axes=(1,)),
            (X, ints(4), ints(0), ints(-2)),
            "elements",
            known=(1, 2, 3),
        ),
        Case("Gather by element", GatherElements(axis=1), (X, COUNTS % 5), "elements"),
        Case(
            "Scatter by element", ScatterElements(axis=1), (X, ints([4, 0], [1, 2]), noise(2, 2)), "elements"
        ),
        Case("Windows of a cache", ReplaceWindow(axis=1), (X, Y[:, :2], ints(0, 1, 3)), "elements"),
        Case("Window", Window(), (X, ints(1, 0), ints(2, 3)), "indexing", known=(1, 2)),
        Case("Gather", Gather(axis=1), (X, ints(4, 0, 0)), "shape"),
        Case("Gather by place", GatherNd(), (X, places), "indexing"),
        Case("Scatter", ScatterNd(shape=(3, 5)), (places, noise(2)), "indexing"),
        *(
            Case(f"Scatter, {name}", ScatterUpdate(operation=name), (X, places, noise(2)), "indexing")
            for name in UPDATES
        ),
        Case("One hot", OneHot(depth=8), (COUNTS, np.float32(2), np.float32(-1)), "indexing"),
        Case("TopK", TopK(count=2), (X,), "indexing", outputs=2),
        Case("Stitch", Stitch(), (ints(0, 2), ints(1), X[:2], X[2:]), "indexing", known=(0, 1)),
        Case("Places that are not zero", NonZero(), (np.where(X > 0, X, 0),), "selection"),
        Case("Different elements", Unique(), (ints(3, 1, 3, 2),), "selection", outputs=3),
        Case("Different slices", UniqueSlices(axis=0), (COUNTS[[0, 1, 0]],), "unique_slices", outputs=4),
        Case("Partition", Partition(parts=2), (X, ints(1, 0, 1)), "selection", outputs=2),
        Case("Filter", Filter(), (X, np.array([1, 0, 1], np.float32)), "shape", indices=(1,)),
        Case(
            "Attribute that is computed",
            Late(layer=Reshape(shape=()), names=("shape",)),
            (X, ints(5, 3)),
            "late",
            known=(1,),
        ),
    ]


def _trees() -> list[Case]:
    # One node with two leaves: whether feature 1 is at most 0.
    nodes = (ints(1, 0, 0), ints(0, 0, 0), np.zeros(3, np.float32), ints(1, 1, 2), ints(2, 1, 2))
    missing = np.zeros(3, bool)
    table = (ints(5, 3), np.array([1.5, 2], np.float32), np.float32(-1))
    return [
        Case("Decision trees", TreeLeaves(depth=1), (X, ints(0), *nodes, missing), "trees"),
        Case("Table", LookUp(), (COUNTS, *table), "trees"),
    ]


def _moves() -> list[Case]:
    x = image()
    return [
        Case("Reshape like another", ReshapeLike(), (X, noise(5, 3)), "shape"),
        Case("Tile", Tile(repeats=(2, 1)), (X,), "shape"),
        Case("Reverse", Reverse(axes=(1,)), (X,), "shape"),
        Case("Space to depth", SpaceToDepth(block=2), (x,), "shape"),
        Case("Depth to space", DepthToSpace(block=2), (x,), "shape"),
        Case("Shape of an array", ShapeOf(), (X,), "tensor"),
        Case("Fill", Fill(shape=(2, 3)), (np.float32(1.5),), "tensor"),
        Case("Fill like another", FillLike(value=2.0), (X,), "tensor"),
        Case("Broadcast", BroadcastTo(shape=(2, 3, 5)), (X,), "tensor"),
        Case("Range", Range(), (np.float32(0), np.float32(2), np.float32(0.5)), "tensor", known=(0, 1, 2)),
        Case("Linear space", LinSpace(count=4), (np.float32(0), np.float32(2)), "tensor"),
        Case("Squeeze", Squeeze(), (X[None],), "tensor"),
        Case("Expand", ExpandDims(axes=(1,)), (X,), "tensor"),
        Case("Stack", Stack(axis=1), (X, Y), "tensor"),
        Case("Unstack", Unstack(parts=3), (X,), "tensor", outputs=3),
        Case("Split by sizes", SplitSizes(sizes=(2, -1), axis=1), (X,), "tensor", outputs=2),
        Case("Roll", Roll(shift=(2,), axes=(1,)), (X,), "tensor"),
        Case("Reverse sequences", ReverseSequence(axis=1), (X, ints(2, 5, 1)), "tensor"),
        Case("Space to batch", SpaceToBatch(block=(2,), padding=((0, 1),)), (X,), "tensor"),
        Case("Batch to space", BatchToSpace(block=(2,), crops=((0, 1),)), (noise(4, 3),), "tensor"),
    ]


def _lists() -> list[Case]:
    one = np.int32(1)
    return [
        Case("List", ListReserve(count=3, shape=(2,)), (), "lists"),
        Case("List, set", ListSet(), (X, one, X[0]), "lists"),
        Case("List, get", ListGet(), (X, one), "lists"),
        Case("List, scatter", ListScatter(), (X, ints(2, 0), Y[:2]), "lists"),
        Case("List, resize", ListResize(count=4), (X,), "lists"),
        Case("List, join", ListJoin(), (MATRIX,), "lists", outputs=2),
        Case("List, split", ListSplit(lengths=(2, 2)), (noise(4, 3),), "lists"),
        Case("List, push", ListPush(), (X, Y[0]), "lists"),
        Case("List, pop", ListPop(), (X,), "lists", outputs=2),
        Case("List, shape", ListShape(what="count"), (X,), "lists"),
        Case("Sequence", SequenceOf(), (X, Y), "sequences", joined=True),
        Case("Sequence, insert", SequenceInsert(), (X, Y, X), "sequences", sequence=2, joined=True),
        Case("Sequence, erase", SequenceErase(), (X, Y), "sequences", sequence=2, joined=True),
        Case("Sequence, at", SequenceAt(), (X, Y, one), "sequences", sequence=2, known=(2,)),
        Case("Sequence, length", SequenceLength(), (X, Y), "sequences", sequence=2),
        Case("Sequence, split", SequenceSplit(axis=1), (X,), "sequences", joined=True),
        Case("Sequence, join", SequenceJoin(axis=1), (X, Y), "sequences", sequence=2),
    ]


def _control() -> list[Case]:
    def graph(name: str, *nodes: Node, inputs: tuple[Value, ...]) -> Graph:
        return Graph(name, inputs, nodes[-1].outputs, nodes)

    value = (Value("v", (3, 5)),)
    branches = tuple(
        graph(name, Node("y", Unary(function=name), ("v",), ("y",)), inputs=value)
        for name in ("sin", "square")
    )
    variables = (Value("total", (3, 5)), Value("limit", (3, 5)))
    grown = Node("y", Binary(function="add"), ("total", "limit"), ("y",))
    sums = Node("s", Reduce(), ("total",), ("s",))
    limits = Node("l", Reduce(coefficient=4.0), ("limit",), ("l",))
    less = Node("less", Binary(function="less"), ("s", "l"), ("less",))
    loop = While(
        condition=graph("condition", sums, limits, less, inputs=variables),
        body=graph("body", grown, inputs=variables),
    )
    return [
        Case("Branch", Branch(branches=branches), (np.int32(1), X), "control"),
        Case("Loop", loop, (positive(3, 5), positive(3, 5, seed=1)), "control"),
    ]


ARRAY_CASES = [
    *_arithmetic(),
    *_linear_algebra(),
    *_indexing(),
    *_moves(),
    *_trees(),
    *_lists(),
    *_control(),
]
