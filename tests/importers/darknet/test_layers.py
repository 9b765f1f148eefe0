"""The sections of feed-forward networks: against OpenCV where it knows them, against numpy elsewhere."""

import numpy as np
import pytest

import jaxdnn
from jaxdnn import LayerError, ParseError, ShapeError
from jaxdnn.importers.darknet import save_weights
from jaxdnn.layers.convolution import Conv
from support.darknet import load, opencv, picture, randomized, write
from support.layer import assert_close, run

CONV = "[convolutional]\nfilters=8\nsize=3\npad=1\nactivation=leaky\n"
WIDTH, HEIGHT, CHANNELS = 9, 8, 4
NET = picture(WIDTH, HEIGHT, CHANNELS)


def draw(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def compute(folder, cfg, x, *layers, arrays=None):
    """Run a net; return what the sections yield, by default the last one."""
    net = load(folder, cfg, arrays or [])
    values = [net.source.layers[layer] for layer in layers or (-1,)]
    got = net(x, outputs=list(dict.fromkeys(values)))
    outputs = tuple(np.asarray(got[value]) for value in values)
    return outputs if len(layers) > 1 else outputs[0]


@pytest.mark.parametrize(
    ("sections", "output"),
    [
        (CONV + CONV.replace("leaky", "mish") + "batch_normalize=1\n", "mish_2"),
        (CONV + "groups=2\nstride=2\n", "leaky_1"),
        ("[convolutional]\nfilters=3\nsize=2\npadding=1\nactivation=swish\n", "swish_1"),
        ("[maxpool]\nsize=2\nstride=2\n", "pool_0"),
        ("[maxpool]\nsize=2\nstride=1\n", "pool_0"),
        ("[maxpool]\nsize=5\nstride=1\n", "pool_0"),
        ("[avgpool]\n", "avgpool_0"),
        (CONV + "[shortcut]\nfrom=0\nactivation=relu\n", "relu_2"),
        (CONV + CONV + "[route]\nlayers=-1,0\n", "concat_2"),
        (CONV + "[route]\nlayers=-1\ngroups=2\ngroup_id=1\n", "slice_1"),
        (CONV + "[route]\nlayers=-1\n", "identity_1"),
        (CONV + "[dropout]\n", "identity_1"),
        ("[upsample]\nstride=3\n", "upsample_0"),
        (CONV + CONV + "[sam]\nfrom=0\n", "sam_2"),
        ("[connected]\noutput=5\nactivation=relu\n", "relu_1"),
        (CONV + "[avgpool]\n[softmax]\n", "softmax_2"),
        ("[crop]\ncrop_width=5\ncrop_height=4\n", "adjust_crop_1"),
        ("[crop]\ncrop_width=5\ncrop_height=4\nnoadjust=1\n", "crop_0"),
    ],
)
def test_as_opencv_computes_it_under_the_same_name(tmp_path, sections, output):
    save_weights(randomized(tmp_path, NET + sections), tmp_path / "net.weights")
    paths = [str(tmp_path / "net.cfg"), str(tmp_path / "net.weights")]
    x = draw(2, CHANNELS, HEIGHT, WIDTH)
    got = np.asarray(jaxdnn.load(*paths, compat="opencv")(x, outputs=[output])[output])
    (want,) = opencv(paths, x, [output])
    assert_close(got.reshape(want.shape), want)


def test_reorg_as_opencv_computes_it(tmp_path):
    cfg = picture(8, 6, 8) + "[reorg]\nstride=2\n"
    x = draw(2, 8, 6, 8)
    (want,) = opencv([*write(tmp_path, cfg, bytes(20))], x, ["reorg_0"])
    np.testing.assert_array_equal(compute(tmp_path, cfg, x), want)


def test_batch_norm_has_its_epsilon_inside_the_root(tmp_path):
    bias, scale, mean, variance = (np.full(2, value, np.float32) for value in (0.25, 2.0, 0.5, 1e-5))
    x = np.array([0.5, 1.5], np.float32).reshape(1, 2, 1, 1)
    cfg = picture(1, 1, 2) + "[batchnorm]\n"
    got = compute(tmp_path, cfg, x, arrays=[bias, scale, mean, variance])
    assert_close(got.ravel(), [0.25, 0.25 + 2 / np.sqrt(2e-5)])
    net = load(tmp_path, cfg, [bias, scale, mean, variance], compat="opencv")
    assert_close(np.asarray(net(x)["bn_0"]).ravel(), [0.25, 0.25 + 2 / np.sqrt(1.1e-5)])


@pytest.mark.parametrize(
    ("options", "attributes"),
    [
        ("size=3\nstride=2", {"stride": (2, 2)}),
        ("size=3\nstride=2\nstride_x=3", {"stride": (2, 3)}),
        ("size=3\nstride_x=3\nstride_y=2", {"stride": (2, 3)}),
        ("size=3\npad=1\npadding=0", {"padding": (1, 1)}),
        ("size=3\npadding=2", {"padding": (2, 2)}),
        ("size=3\npad=1\ndilation=2", {"padding": (2, 2), "dilation": 2}),
        ("size=1\ndilation=2", {"kernel": (1, 1)}),
        ("size=3\ngroups=0", {}),
        ("size=3\ngroups=2 #4", {"groups": 2}),
    ],
)
def test_options_of_convolutions(tmp_path, options, attributes):
    net = load(tmp_path, f"{NET}[conv]\nfilters=8\n{options}\nactivation=linear\n")
    defaults = {"filters": 8, "kernel": (3, 3), "stride": (1, 1), "padding": (0, 0)}
    assert net.graph.nodes[0].layer == Conv(**{**defaults, **attributes})


def test_the_default_activation_is_logistic(tmp_path):
    net = load(tmp_path, f"{NET}[conv]\n[connected]\n[local]\n")
    assert [x.split("_")[0] for x in net.source.layers] == ["logistic"] * 3


def test_convolutions_that_share_their_parameters(tmp_path):
    bias, scale, mean, variance, weight = draw(4), draw(4), draw(4), np.ones(4), draw(4, 4, 1, 1)
    section = "[convolutional]\nfilters=4\nsize=1\nbatch_normalize=1\nactivation=linear\n"
    cfg = NET + section + section + "share_index=0\n" + section + "share_index=-1\n"
    arrays = [bias, scale, mean, variance, weight]
    first, second, third = compute(tmp_path, cfg, draw(1, CHANNELS, HEIGHT, WIDTH), 0, 1, 2, arrays=arrays)
    again = compute(tmp_path, NET + section, first, arrays=arrays)
    assert_close(second, again)
    assert_close(third, compute(tmp_path, NET + section, second, arrays=arrays))


def test_binary_convolutions(tmp_path):
    section = "[convolutional]\nfilters=2\nsize=1\nactivation=relu\n"
    bias, weight = draw(2), draw(2, 4, 1, 1, seed=1)
    x = draw(1, 4, HEIGHT, WIDTH, seed=2)
    binary = np.where(weight > 0, 1, -1) * np.abs(weight).mean(axis=(1, 2, 3), keepdims=True)
    signs = np.where(x > 0, 1.0, -1.0)
    for option, values in (("binary=1", x), ("xnor=1\ngroups=2", signs)):
        want = np.einsum("nchw,fc->nfhw", values, binary[:, :, 0, 0]) + bias.reshape(1, 2, 1, 1)
        got = compute(tmp_path, NET + section + option + "\n", x, arrays=[bias, weight])
        assert_close(got, np.maximum(want, 0))
    got = compute(tmp_path, NET + section + "xnor=1\nbin_output=1\n", x, arrays=[bias, weight])
    assert_close(got, want)


@pytest.mark.parametrize("kind", [1, 2])
@pytest.mark.parametrize("stride", [1, 2])
def test_antialiasing(tmp_path, kind, stride):
    x = draw(1, CHANNELS, HEIGHT, WIDTH)
    cfg = f"{NET}[maxpool]\nsize=2\nstride={stride}\nantialiasing={kind}\n"
    pooled = compute(tmp_path, f"{NET}[maxpool]\nsize=2\nstride=1\npadding=1\n", x)
    line = np.array([1, 2, 1]) / 4 if kind == 1 else np.array([1, 1]) / 2
    kernel = np.broadcast_to(np.outer(line, line), (CHANNELS, 1, len(line), len(line)))
    conv = Conv(
        filters=CHANNELS,
        kernel=len(line),
        stride=stride,
        padding=2 - kind,
        groups=CHANNELS,
        bias=False,
    )
    assert_close(compute(tmp_path, cfg, x), run(conv, pooled, weight=kernel.astype(np.float32)))


def test_a_pool_pads_an_odd_cell_behind(tmp_path):
    x = np.arange(5, dtype=np.float32).reshape(1, 1, 1, 5)
    got = compute(tmp_path, picture(5, 1, 1) + "[maxpool]\nsize=4\nstride_x=2\nstride_y=1\n", x)
    assert_close(got[0, 0, 0], [2, 4, 4])
    got = compute(tmp_path, picture(5, 1, 1) + "[local_avgpool]\nsize=4\nstride=2\n", x)
    assert_close(got[0, 0, 0], [1, 2.5, 3.5])


def test_max_over_channels(tmp_path):
    x = draw(2, CHANNELS, HEIGHT, WIDTH)
    got = compute(tmp_path, NET + "[maxpool]\nmaxpool_depth=1\nout_channels=2\n", x)
    assert_close(got, np.stack([x[:, 0::2].max(axis=1), x[:, 1::2].max(axis=1)], axis=1))


def test_summands_of_other_sizes(tmp_path):
    """Channels are cut or filled; a larger picture is subsampled as Darknet once did."""
    narrow = "[convolutional]\nfilters=2\nsize=1\nactivation=linear\n"
    half = "[convolutional]\nfilters=4\nsize=1\nstride=2\nactivation=linear\n"
    cfg = NET + narrow + half + "[shortcut]\nfrom=0\n" + narrow + "[shortcut]\nfrom=-2,1\n"
    arrays = [draw(2), draw(2, 4), draw(4), draw(4, 2), draw(2), draw(2, 4)]
    x = draw(1, CHANNELS, HEIGHT, WIDTH)
    first, second, third, fourth, fifth = compute(tmp_path, cfg, x, 0, 1, 2, 3, 4, arrays=arrays)
    want = second.copy()
    want[:, :2] += first[:, :, ::2, ::2]
    assert_close(third, want)
    assert_close(fifth, fourth + third[:, :2] + second[:, :2])


def test_weights_of_a_shortcut(tmp_path):
    x, weights = draw(1, CHANNELS, HEIGHT, WIDTH), np.array([0.5, -2.0], np.float32)
    cfg = NET + "[silence]\n[activation]\nactivation=relu\n[shortcut]\nfrom=0\nweights_type=per_layer\n"
    relu = np.maximum(x, 0)
    assert_close(compute(tmp_path, cfg, x, arrays=[weights]), 0.5 * relu - 2 * x)
    got = compute(tmp_path, cfg + "weights_normalization=avg_relu\n", x, arrays=[weights])
    assert_close(got, 0.5 / 0.5001 * relu)
    cfg = cfg.replace("per_layer", "per_channel")
    weights = draw(2, CHANNELS)
    want = weights[0].reshape(1, -1, 1, 1) * relu + weights[1].reshape(1, -1, 1, 1) * x
    assert_close(compute(tmp_path, cfg, x, arrays=[weights]), want)


def test_factors_per_channel_and_per_pixel(tmp_path):
    x = draw(2, CHANNELS, HEIGHT, WIDTH)
    cfg = NET + "[silence]\n[avgpool]\n[scale_channels]\nfrom=0\nactivation=relu\n"
    assert_close(compute(tmp_path, cfg, x), np.maximum(x * x.mean(axis=(2, 3), keepdims=True), 0))
    cfg = NET + "[silence]\n[maxpool]\nmaxpool_depth=1\n[scale_channels]\nfrom=0\nscale_wh=1\n"
    assert_close(compute(tmp_path, cfg, x), x * x.max(axis=1, keepdims=True))


def test_route_slices_every_source(tmp_path):
    cfg = NET + "[silence]\n[activation]\nactivation=relu\n[route]\nlayers=0,1\ngroups=2\ngroup_id=1\n"
    x = draw(1, CHANNELS, HEIGHT, WIDTH)
    got = compute(tmp_path, cfg, x)
    assert_close(got, np.concatenate([x[:, 2:], np.maximum(x[:, 2:], 0)], axis=1))


def test_pixels_and_channels_exchanged(tmp_path):
    net = picture(4, 6, 4)
    x = draw(2, 4, 6, 4)
    blocks = x.reshape(2, 4, 3, 2, 2, 2).transpose(0, 3, 5, 1, 2, 4).reshape(2, 16, 3, 2)
    assert_close(compute(tmp_path, net + "[reorg3d]\nstride=2\n", x), blocks)
    cfg = net + "[reorg3d]\nstride=2\n[reorg3d]\nstride=2\nreverse=1\n"
    assert_close(compute(tmp_path, cfg, x), x)


def test_upsampling(tmp_path):
    x = draw(1, CHANNELS, HEIGHT, WIDTH)
    got = compute(tmp_path, NET + "[upsample]\nscale=0.5\n", x)
    assert_close(got, 0.5 * x.repeat(2, axis=2).repeat(2, axis=3))
    got = compute(tmp_path, NET + "[upsample]\nstride=-2\n", x)
    assert_close(got, x[..., :8].reshape(1, CHANNELS, 4, 2, 4, 2).sum(axis=(3, 5)))


def test_local_response_norm_forgets_a_channel(tmp_path):
    x = draw(1, CHANNELS, HEIGHT, WIDTH)
    squares = x.astype(np.float64) ** 2
    sums = [squares[:, max(k - 1, 0) : k + 2].sum(axis=1) - squares[:, 1] for k in range(CHANNELS)]
    want = x * (2 + 0.1 * np.stack(sums, axis=1)) ** -0.5
    cfg = NET + "[lrn]\nsize=3\nalpha=.1\nbeta=.5\nkappa=2\n"
    assert_close(compute(tmp_path, cfg, x), want)


def test_locally_connected(tmp_path):
    cfg = picture(2, 2, 1) + "[local]\nfilters=1\nsize=3\npad=1\nactivation=linear\n"
    weight = np.zeros((4, 1, 1, 3, 3), np.float32)
    weight[:, 0, 0, 1, 1] = [1, 2, 3, 4]
    x = np.ones((1, 1, 2, 2), np.float32)
    got = compute(tmp_path, cfg, x, arrays=[np.array([10, 20, 30, 40], np.float32), weight])
    assert_close(got[0, 0], [[11, 22], [33, 44]])


def test_deconvolution(tmp_path):
    cfg = picture(2, 1, 1) + "[deconvolutional]\nfilters=1\nsize=2\nstride=2\nactivation=linear\n"
    x = np.array([3, 5], np.float32).reshape(1, 1, 1, 2)
    got = compute(tmp_path, cfg, x, arrays=[np.ones(1), np.array([[1, 2], [3, 4]], np.float32)])
    assert_close(got[0, 0], [[4, 7, 6, 11], [10, 13, 16, 21]])


def test_softmax(tmp_path):
    def softmax(values, axis):
        return np.exp(values) / np.exp(values).sum(axis=axis, keepdims=True)

    net, x = picture(2, 1, 4), draw(2, 4, 1, 2)
    flat = x.reshape(2, 8)
    assert_close(compute(tmp_path, net + "[softmax]\ntemperature=2\n", x), softmax(flat / 2, 1))
    want = softmax(flat.reshape(2, 4, 2), 2).reshape(2, 8)
    assert_close(compute(tmp_path, net + "[softmax]\ngroups=4\n", x), want)
    assert_close(compute(tmp_path, net + "[softmax]\nspatial=1\n", x), softmax(x, 1))
    (tmp_path / "my.tree").write_text("a -1\nb -1\nc 0\n\nd 0\ne 0\nf 1\ng 1\nh 2\n")
    groups = [softmax(part, 1) for part in np.split(flat, [2, 5, 7], axis=1)]
    assert_close(compute(tmp_path, net + "[softmax]\ntree=my.tree\n", x), np.concatenate(groups, axis=1))


def test_learned_values_without_input(tmp_path):
    cfg = NET + "[implicit]\nfilters=3\natoms=2\n[route]\nlayers=0\n"
    values = draw(3, 2)
    got = compute(tmp_path, cfg, draw(1, CHANNELS, HEIGHT, WIDTH), arrays=[values])
    assert_close(got, values.reshape(1, 3, 2, 1))


def test_what_only_training_needs(tmp_path):
    x = draw(2, CHANNELS, HEIGHT, WIDTH)
    net = load(tmp_path, NET + "[activation]\nactivation=relu\n[cost]\ntype=L2\n", [])
    assert list(net(x)) == ["relu_1"]
    assert_close(compute(tmp_path, NET + "[contrastive]\nclasses=3\nyolo_layer=0\n", x), np.zeros_like(x))


ACTIVATIONS = {
    "loggy": lambda x: 2 / (1 + np.exp(-x)) - 1,
    "relu6": lambda x: np.clip(x, 0, 6),
    "elu": lambda x: np.where(x < 0, np.exp(x) - 1, x),
    "selu": lambda x: 1.0507 * np.where(x < 0, 1.6732 * (np.exp(x) - 1), x),
    "gelu": lambda x: 0.5 * x * (1 + np.tanh(0.797885 * x + 0.035677 * x**3)),
    "relie": lambda x: np.where(x > 0, x, 0.01 * x),
    "ramp": lambda x: x * (x > 0) + 0.1 * x,
    "plse": lambda x: np.where(x < -4, 0.01 * (x + 4), np.where(x > 4, 0.01 * (x - 4) + 1, 0.125 * x + 0.5)),
    "hardtan": lambda x: np.clip(x, -1, 1),
    "lhtan": lambda x: np.where(x < 0, 0.001 * x, np.where(x > 1, 0.001 * (x - 1) + 1, x)),
    "revleaky": lambda x: np.where(x > 0, x, 0.1 * x),
    "normalize_channels": lambda x: np.maximum(x, 0) / (1e-4 + np.maximum(x, 0).sum(axis=1, keepdims=True)),
    "normalize_channels_softmax": lambda x: np.exp(x) / (1e-4 + np.exp(x).sum(axis=1, keepdims=True)),
    "silu": lambda x: x / (1 + np.exp(-x)),
}


@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_activations(tmp_path, name):
    x = 4 * draw(1, CHANNELS, HEIGHT, WIDTH)
    got = compute(tmp_path, f"{NET}[activation]\nactivation={name}\n", x)
    assert_close(got, ACTIVATIONS[name](x.astype(np.float64)))


@pytest.mark.parametrize(
    ("sections", "error", "message"),
    [
        (
            "[conv]\nactivation=leakey\n",
            ParseError,
            r":6: layer 0 \[conv\]: activation 'leakey' is unknown; did",
        ),
        ("[conv]\nfilters=0\n", LayerError, r":5: layer 0 \[conv\]: filters must be at least 1, got 0"),
        ("[conv]\nstride=0\n", LayerError, "stride must be at least 1, got 0"),
        ("[conv]\nfilters=6\ngroups=3\n", ShapeError, "groups 3 does not divide 4 input channels"),
        ("[conv]\nsize=20\n", ShapeError, "the kernel 20x20 is larger than the padded input 8x9"),
        ("[conv]\nshare_index=0\n", jaxdnn.GraphError, r":6: .* share_index 0 is layer 0, which is no conv"),
        ("[conv]\nfilters=100000000\n", ShapeError, r"output of 100000000x8x9 has more than 2147483647 el"),
        ("[connected]\noutput=2000000000\n", ShapeError, "weight of 2000000000x288 has more than"),
        ("[maxpool]\nsize=2\npadding=-1\n", LayerError, "padding must be at least 0, got -1"),
        ("[maxpool]\nmaxpool_depth=1\nout_channels=3\n", ShapeError, "out_channels 3 does not divide 4"),
        ("[route]\n", jaxdnn.GraphError, r":5: layer 0 \[route\]: layers is missing"),
        ("[conv]\n[route]\nlayers=1\n", jaxdnn.GraphError, ":7: .* layers 1 is layer 1, not one before this"),
        ("[conv]\n[route]\nlayers=-2\n", jaxdnn.GraphError, "layers -2 is layer -1, not one before this"),
        (
            "[conv]\n[maxpool]\nstride=2\n[route]\nlayers=0,1\n",
            ShapeError,
            "the sources' sizes differ: 1x8x9",
        ),
        ("[conv]\n[route]\nlayers=0\ngroups=2\n", ShapeError, "groups 2 does not divide 1 channels"),
        (
            "[conv]\n[route]\nlayers=0\ngroups=2\ngroup_id=2\n",
            LayerError,
            "group_id 2 is not one of 2 groups",
        ),
        ("[maxpool]\nstride=2\n[upsample]\n[upsample]\n[shortcut]\nfrom=0\n", ShapeError, "does not fit"),
        ("[conv]\n[shortcut]\nfrom=0\nweights_type=all\n", ParseError, "weights_type 'all' is unknown"),
        (
            "[conv]\n[scale_channels]\nfrom=0\n",
            ShapeError,
            "factors of 1x8x9 do not fit 1x8x9, which takes 1x1x1",
        ),
        ("[conv]\n[conv]\nfilters=2\n[sam]\nfrom=0\n", ShapeError, "factors of 2x8x9 do not fit 1x8x9"),
        ("[crop]\ncrop_width=10\n", ShapeError, "a crop of 1x10 is larger than the input of 4x8x9"),
        ("[reorg]\nstride=2\n", ShapeError, "9"),
        ("[implicit]\nfilters=0\n", ShapeError, "the output would be 0x1x1: every size must be at least 1"),
        ("[upsample]\nstride=0\n", LayerError, "stride must not be 0"),
        ("[softmax]\ngroups=5\n", LayerError, "groups 5 does not divide 288 inputs"),
        ("[softmax]\ntemperature=0\n", LayerError, "temperature must not be 0"),
        (
            "[softmax]\ntree=none.tree\n",
            jaxdnn.FileError,
            "the tree 'none.tree' that the cfg names is not found from",
        ),
    ],
)
def test_errors(tmp_path, sections, error, message):
    with pytest.raises(error, match=f"net.cfg.*{message}"):
        load(tmp_path, NET + sections)
