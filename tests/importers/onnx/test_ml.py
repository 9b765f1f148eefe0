"""ai.onnx.ml, and features of sequences, against ONNX Runtime."""

import numpy as np
import pytest
from onnx import numpy_helper

from jaxdnn import GraphError, LayerError
from support.onnx_graphs import agree, compute, load, node, tensor

ML = "ai.onnx.ml"
RANDOM = np.random.default_rng(0)
X = (RANDOM.integers(-4, 5, (30, 4)) / 2).astype(np.float32)
HOLES = np.where(RANDOM.random(X.shape) < 0.1, np.nan, X).astype(np.float32)
FIRST = {"domain": ML, "version": 1}


def ints(*values):
    return np.array(values, np.int64)


def noise(*shape):
    return RANDOM.standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize(
    ("op", "arrays", "options"),
    [
        ("Binarizer", [X], {"threshold": 0.5}),
        ("Scaler", [X], {"offset": [1.0, 2.0, 3.0, 4.0], "scale": [0.5, 1.0, 2.0, 3.0]}),
        ("Scaler", [ints([1, 2], [3, 4])], {"offset": [1.0], "scale": [0.5]}),
        ("Normalizer", [np.concatenate([X, X[:1] * 0])], {"norm": "MAX"}),
        ("Normalizer", [X], {"norm": "L1"}),
        ("Normalizer", [X], {"norm": "L2"}),
        ("Imputer", [HOLES], {"imputed_value_floats": [1.0, 2.0, 3.0, 4.0], "replaced_value_float": np.nan}),
        ("Imputer", [ints([1, 0, 3])], {"imputed_value_int64s": [7], "replaced_value_int64": 0}),
        ("OneHotEncoder", [ints([1, 5, 3])], {"cats_int64s": [5, 1, 7], "zeros": 1}),
        ("OneHotEncoder", [np.float32([1, 5, 3])], {"cats_int64s": [5, 1, 7], "zeros": 1}),
        ("ArrayFeatureExtractor", [X, ints(3, 1)], {}),
        ("ArrayFeatureExtractor", [X[0], ints(3, 1)], {}),
        ("FeatureVectorizer", [X, X[:, :2]], {"inputdimensions": [4, 2], "feeds": None}),
    ],
)
def test_features(tmp_path, op, arrays, options):
    agree(tmp_path, op, arrays, **FIRST, **options)


@pytest.mark.parametrize(
    ("x", "options"),
    [
        (ints([1, 5, 3]), {"keys_int64s": [5, 1], "values_floats": [0.5, 0.1], "default_float": -2.0}),
        (np.float32([1, 5, 3]), {"keys_floats": [5.0, 1.0], "values_int64s": [50, 10], "default_int64": 7}),
        (np.float32([1, 5, 3]), {"keys_floats": [5.0, 1.0], "values_floats": [0.5, 0.1]}),
    ],
)
def test_labels(tmp_path, x, options):
    agree(tmp_path, "LabelEncoder", [x], domain=ML, version=2, **options)


def test_labels_in_tensors(tmp_path):
    named = {"keys_tensor": ints(5, 1), "values_tensor": ints(50, 10), "default_tensor": ints(9)}
    stored = {name: numpy_helper.from_array(array, name) for name, array in named.items()}
    got = compute(tmp_path, "LabelEncoder", ints(1, 2, 5), domain=ML, version=4, **stored)
    np.testing.assert_array_equal(got, [10, 9, 50])


@pytest.mark.parametrize("transform", ["NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO"])
def test_linear_models(tmp_path, transform):
    several = {"coefficients": noise(12).tolist(), "intercepts": [0.1, 0.2, 0.3], "post_transform": transform}
    agree(tmp_path, "LinearRegressor", [X], targets=3, **several, **FIRST)
    agree(tmp_path, "LinearClassifier", [X], outputs=2, classlabels_ints=[7, 8, 9], **several, **FIRST)
    single = {"coefficients": noise(4).tolist(), "intercepts": [0.1], "post_transform": transform}
    agree(tmp_path, "LinearClassifier", [X], outputs=2, classlabels_ints=[7, 8], **single, **FIRST)


@pytest.mark.parametrize("kernel", ["LINEAR", "POLY", "RBF", "SIGMOID"])
def test_support_vectors(tmp_path, kernel):
    stated = {
        "kernel_type": kernel,
        "kernel_params": [0.3, 0.5, 2.0],
        "n_supports": 3,
        "rho": [0.25],
        "support_vectors": X[:3].reshape(-1).tolist(),
        "coefficients": [0.5, -1.0, 2.0],
    }
    agree(tmp_path, "SVMRegressor", [X], **stated, **FIRST)
    agree(tmp_path, "SVMRegressor", [X], one_class=1, **stated, **FIRST)


def test_support_vectors_joined_beforehand(tmp_path):
    agree(
        tmp_path,
        "SVMRegressor",
        [X],
        coefficients=[0.5, -1.0, 2.0, 0.0],
        rho=[0.25],
        kernel_params=[0.0, 0.0, 0.0],
        **FIRST,
    )


def test_coefficients_are_params(tmp_path):
    nodes = [node("LinearRegressor", "x", domain=ML, name="line", coefficients=[1.0, 2.0], intercepts=[3.0])]
    net = load(tmp_path, nodes, [tensor("x", (2, 2))], opset={"": 21, ML: 1})
    assert {slot: np.shape(array) for slot, array in net.params["line"].items()} == {
        "weight": (1, 2),
        "bias": (1,),
    }


MODES = ("BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ")


def forest(kind, targets, *, depth=2, trees=3, told=None, positive=False, modes=MODES):
    """Return the attributes of random trees; every leaf tells one target, or those of ``told``."""
    size = 2 ** (depth + 1) - 1
    leaf = np.arange(size) >= size // 2
    places = np.arange(size)
    every = {
        "nodes_treeids": np.repeat(np.arange(trees), size),
        "nodes_nodeids": np.tile(places, trees),
        "nodes_featureids": np.tile(leaf == 0, trees) * RANDOM.integers(0, 4, size * trees),
        "nodes_values": (RANDOM.integers(-2, 3, size * trees) / 2).astype(float),
        "nodes_truenodeids": np.tile(np.where(leaf, 0, 2 * places + 1), trees),
        "nodes_falsenodeids": np.tile(np.where(leaf, 0, 2 * places + 2), trees),
        "nodes_missing_value_tracks_true": np.tile(leaf == 0, trees) * RANDOM.integers(0, 2, size * trees),
    }
    attributes = {name: values.tolist() for name, values in every.items()}
    attributes["nodes_modes"] = ["LEAF" if end else str(RANDOM.choice(modes)) for end in np.tile(leaf, trees)]
    leaves = [
        (tree, place, target)
        for tree in range(trees)
        for place in places[leaf].tolist()
        for target in (told or [int(RANDOM.integers(targets))])
    ]
    weights = noise(len(leaves))
    columns = zip(("treeids", "nodeids", "ids"), zip(*leaves, strict=True), strict=True)
    attributes |= {f"{kind}_{name}": list(values) for name, values in columns}
    attributes[f"{kind}_weights"] = (np.abs(weights) if positive else weights).tolist()
    return attributes


@pytest.mark.parametrize("aggregate", ["SUM", "AVERAGE", "MIN", "MAX"])
def test_regression_by_trees(tmp_path, aggregate):
    options = {"domain": ML, "version": 3, "aggregate_function": aggregate}
    agree(tmp_path, "TreeEnsembleRegressor", [HOLES], n_targets=3, **forest("target", 3), **options)
    base = {"n_targets": 1, "base_values": [0.5]}
    agree(tmp_path, "TreeEnsembleRegressor", [X], **base, **forest("target", 1), **options)


@pytest.mark.parametrize("transform", ["NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO"])
def test_classification_by_trees(tmp_path, transform):
    options = {"domain": ML, "version": 3, "post_transform": transform, "outputs": 2}
    several = {"classlabels_int64s": [4, 5, 6], **options}
    agree(tmp_path, "TreeEnsembleClassifier", [X], **forest("class", 3), **several)
    for positive in (False, True):
        two = {"classlabels_int64s": [4, 5], **options}
        trees = forest("class", 2, told=[0], positive=positive)
        agree(tmp_path, "TreeEnsembleClassifier", [X], base_values=[0.25], **trees, **two)
        trees = forest("class", 2, told=[1], positive=positive)
        agree(tmp_path, "TreeEnsembleClassifier", [X], **trees, **two)


def test_the_higher_of_two_classes_that_leaves_tell(tmp_path):
    trees = forest("class", 2, told=[0, 1])
    options = {"domain": ML, "version": 3, "classlabels_int64s": [4, 5], "outputs": 2}
    label, scores = compute(tmp_path, "TreeEnsembleClassifier", X, **trees, **options)
    np.testing.assert_array_equal(label, np.where(scores[:, 1] > scores[:, 0], 5, 4))


def numbered(**changes):
    """Return the attributes of a tree of the newest form: a set's members, or else a threshold."""
    tensors = {
        "nodes_modes": np.array([6, 0], np.uint8),
        "nodes_splits": np.float32([0, 0.5]),
        "membership_values": np.float32([1, -1.5, np.nan]),
        "leaf_weights": np.float32([10, 20, 30]),
    }
    lists = {
        "tree_roots": [0],
        "n_targets": 2,
        "aggregate_function": 1,
        "post_transform": 0,
        "nodes_featureids": [1, 2],
        "nodes_trueleafs": [1, 1],
        "nodes_truenodeids": [0, 1],
        "nodes_falseleafs": [0, 1],
        "nodes_falsenodeids": [1, 2],
        "leaf_targetids": [0, 1, 0],
    }
    stated = {name: numpy_helper.from_array(array, name) for name, array in tensors.items()} | lists
    return {"domain": ML, "version": 5, **stated, **changes}


def test_sets(tmp_path):
    want = np.zeros((len(X), 2))
    for row, (_, first, second, _) in zip(want, X.tolist(), strict=True):
        if first in (1, -1.5):
            row[0] = 10
        else:
            row[:] = (0, 20) if second <= 0.5 else (30, 0)
    assert len(np.unique(want.argmax(1) * 100 + want.max(1))) == 3
    np.testing.assert_array_equal(compute(tmp_path, "TreeEnsemble", X, **numbered()), want)


@pytest.mark.parametrize("mode", ["TF", "IDF", "TFIDF"])
def test_sequences(tmp_path, mode):
    options = {
        "mode": mode,
        "min_gram_length": 1,
        "max_gram_length": 2,
        "max_skip_count": 2,
        "ngram_counts": [0, 3],
        "ngram_indexes": [1, 0, 4, 3, 5],
        "weights": [1.0, 2.0, 3.0, 4.0, 5.0],
        "pool_int64s": [2, 3, 5, 5, 4, 6, 6],
    }
    agree(tmp_path, "TfIdfVectorizer", [ints([2, 5, 3, 4, 5, 4], [6, 6, 6, 2, 3, 5])], **options)


TREE = forest("target", 1, trees=1) | {"n_targets": 1}


@pytest.mark.parametrize(
    ("op", "options", "error", "message"),
    [
        (
            "TreeEnsembleRegressor",
            TREE | {"nodes_truenodeids": [9] * 7},
            GraphError,
            "leads to 9, which it lacks",
        ),
        (
            "TreeEnsembleRegressor",
            TREE | {"nodes_truenodeids": [1] * 7},
            GraphError,
            "a tree runs in circles",
        ),
        (
            "TreeEnsembleRegressor",
            TREE | {"nodes_values": [0.0]},
            LayerError,
            "nodes_values has 1 values for 7",
        ),
        (
            "TreeEnsembleRegressor",
            TREE | {"nodes_modes": ["?"] * 7},
            LayerError,
            "nodes_modes '.' is none of",
        ),
        (
            "TreeEnsembleRegressor",
            TREE | {"target_ids": [3] * 4},
            GraphError,
            "target 3 of node 3 of tree 0 is not",
        ),
        (
            "TreeEnsemble",
            numbered(tree_roots=[5]),
            GraphError,
            "leads to a node, a leaf or a target that it lacks",
        ),
        (
            "TreeEnsemble",
            numbered(aggregate_function=7),
            LayerError,
            "aggregate_function must be a number below 4",
        ),
        (
            "LabelEncoder",
            {"keys_strings": ["a"], "values_int64s": [1]},
            LayerError,
            "its keys are no numbers",
        ),
        (
            "LinearRegressor",
            {"coefficients": [1.0], "targets": 2},
            LayerError,
            "1 coefficients are not those of 2",
        ),
        (
            "SVMRegressor",
            {"coefficients": [1.0], "n_supports": 2},
            LayerError,
            "1 coefficients are not those of 2",
        ),
        ("OneHotEncoder", {"cats_strings": ["a"]}, LayerError, "its categories are no numbers"),
        ("FeatureVectorizer", {}, LayerError, "inputdimensions has 0 values for 1 inputs"),
    ],
)
def test_what_does_not_fit(tmp_path, op, options, error, message):
    stated = {"domain": ML, "version": 3} | options
    with pytest.raises(error, match=f"'o0' .*: .*{message}"):
        compute(tmp_path, op, X, **stated)
