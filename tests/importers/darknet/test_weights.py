"""The weights file: its headers, every layer's own order, its length to the byte, and writing it."""

import contextlib

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import jaxdnn
from jaxdnn import FileError, InputError, JaxdnnError, WeightsError
from jaxdnn.importers.darknet import save_weights
from support.darknet import header, load, opencv, picture, randomized, weights, write

CONV = "[convolutional]\nfilters=4\nsize=3\npad=1\nactivation=leaky\n"
NORMALIZED = CONV + "batch_normalize=1\n"
DENSE = "[connected]\noutput=5\nactivation=linear\n"


def draw(*shapes, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.uniform(0.5, 1.5, shape).astype(np.float32) for shape in shapes]


def test_a_convolution_without_batch_norm(tmp_path):
    bias, weight = draw(4, (4, 2, 3, 3))
    net = load(tmp_path, picture(5, 5, 2) + CONV, [bias, weight])
    np.testing.assert_array_equal(net.params["conv_0"]["bias"], bias)
    np.testing.assert_array_equal(net.params["conv_0"]["weight"], weight)


def test_a_convolution_with_batch_norm(tmp_path):
    bias, scale, mean, variance, weight = draw(4, 4, 4, 4, (4, 1, 3, 3))
    cfg = picture(5, 5, 2) + NORMALIZED + "groups=2\n"
    net = load(tmp_path, cfg, [bias, scale, mean, variance, weight])
    assert set(net.params["conv_0"]) == {"weight"}
    np.testing.assert_array_equal(net.params["conv_0"]["weight"], weight)
    for slot, array in {"bias": bias, "scale": scale, "mean": mean, "variance": variance}.items():
        np.testing.assert_array_equal(net.params["bn_0"][slot], array)


def test_a_connected_layer_stores_its_batch_norm_last(tmp_path):
    bias, weight, scale, mean, variance = draw(5, (5, 8), 5, 5, 5)
    cfg = picture(2, 2, 2) + DENSE + "batch_normalize=1\n"
    net = load(tmp_path, cfg, [bias, weight, scale, mean, variance])
    np.testing.assert_array_equal(net.params["fullyConnected_0"]["weight"], weight)
    for slot, array in {"bias": bias, "scale": scale, "mean": mean, "variance": variance}.items():
        np.testing.assert_array_equal(net.params["bn_0"][slot], array)


@pytest.mark.parametrize("version", [(1001, 0), (0, 1001)])
def test_old_files_store_connected_layers_transposed(tmp_path, version):
    bias, weight = draw(5, (5, 8))
    data = weights([bias, weight.T], header(*version))
    net = jaxdnn.load(*write(tmp_path, picture(2, 2, 2) + DENSE, data))
    np.testing.assert_array_equal(net.params["fullyConnected_0"]["weight"], weight)


def test_flipped_convolutions_are_stored_transposed(tmp_path):
    bias, weight = draw(4, (4, 2, 3, 3))
    net = load(tmp_path, picture(5, 5, 2) + CONV + "flipped=1\n", [bias, weight.reshape(4, 18).T])
    np.testing.assert_array_equal(net.params["conv_0"]["weight"], weight)


@pytest.mark.parametrize(("version", "size"), [((0, 1, 0), 16), ((0, 2, 0), 20), ((1, 0, 0), 20)])
def test_the_header_has_two_lengths(tmp_path, version, size):
    assert len(header(*version)) == size
    bias, weight = draw(4, (4, 2, 3, 3))
    data = weights([bias, weight], header(*version))
    net = jaxdnn.load(*write(tmp_path, picture(5, 5, 2) + CONV, data))
    np.testing.assert_array_equal(net.params["conv_0"]["bias"], bias)


def test_layers_that_are_not_loaded(tmp_path):
    (weight,) = draw((4, 4, 3, 3))
    arrays = [*draw(4), weight]
    net = load(tmp_path, picture(5, 5, 4) + CONV + "dontload=1\n" + CONV, arrays)
    np.testing.assert_array_equal(net.params["conv_1"]["weight"], weight)
    assert net.missing == ("conv_0/weight",)


def test_scales_that_are_not_loaded(tmp_path):
    bias, weight = draw(4, (4, 2, 3, 3))
    net = load(tmp_path, picture(5, 5, 2) + NORMALIZED + "dontloadscales=1\n", [bias, weight])
    np.testing.assert_array_equal(net.params["bn_0"]["bias"], bias)
    np.testing.assert_array_equal(net.params["bn_0"]["scale"], np.ones(4))


def test_the_place_of_a_missing_byte_is_told(tmp_path):
    cfg = picture(5, 5, 2) + CONV + NORMALIZED
    data = weights(draw(4, (4, 2, 3, 3), 4, 4, 4, 4, (4, 4, 3, 3)))
    with pytest.raises(
        WeightsError,
        match=rf"net.weights: cut short: the file ends after {len(data) - 1} bytes, in the weight of layer "
        rf"1 \[convolutional\], and the cfg wants {len(data)}$",
    ):
        jaxdnn.load(*write(tmp_path, cfg, data[:-1]))
    with pytest.raises(WeightsError, match=r"in the bias of layer 1 .* with partial=True"):
        jaxdnn.load(*write(tmp_path, cfg, data[: 20 + 4 * 76]))


def test_bytes_left_over(tmp_path):
    data = weights(draw(4, (4, 2, 3, 3)))
    with pytest.raises(
        WeightsError,
        match=rf"3 bytes are left over behind layer 0 \[convolutional\]: the file has {len(data) + 3}, "
        rf"the cfg wants {len(data)}",
    ):
        jaxdnn.load(*write(tmp_path, picture(5, 5, 2) + CONV, data + b"abc"))
    with pytest.raises(WeightsError, match="4 bytes are left over though no layer has weights"):
        jaxdnn.load(*write(tmp_path, picture(5, 5, 2) + "[avgpool]\n", header() + bytes(4)))


def test_a_file_for_the_first_layers(tmp_path):
    arrays = draw(4, (4, 2, 3, 3))
    cfg = picture(5, 5, 2) + CONV + CONV
    net = load(tmp_path, cfg, arrays, partial=True, key=jax.random.key(0))
    np.testing.assert_array_equal(net.params["conv_0"]["weight"], arrays[1])
    assert net.params["conv_1"]["weight"].std() > 0
    with pytest.raises(WeightsError, match="cut short"):
        load(tmp_path, cfg, arrays[:1], partial=True)


def test_files_that_are_no_weights(tmp_path):
    cfg = picture(5, 5, 2) + CONV
    with pytest.raises(FileError, match="not a weights file: this is a text file"):
        jaxdnn.load(*write(tmp_path, cfg, b"what is this?"), format="darknet")
    with pytest.raises(WeightsError, match="cut short: the header has 16 bytes, the file 3"):
        jaxdnn.load(*write(tmp_path, cfg, bytes(3)))


def test_absurd_sizes_are_refused_before_anything_is_read(tmp_path):
    cfg = picture(1, 1, 2000) + "[convolutional]\nfilters=1000000\nactivation=relu\n"
    with pytest.raises(WeightsError, match="the cfg wants 8004000020"):
        load(tmp_path, cfg, draw(10))


EVERYTHING = (
    picture(8, 8, 4)
    + NORMALIZED
    + CONV.replace("filters=4", "filters=4\nflipped=1")
    + "[shortcut]\nfrom=-2\nweights_type=per_channel\nweights_normalization=relu\nactivation=linear\n"
    + "[convolutional]\nfilters=4\nsize=3\npad=1\nshare_index=1\n"
    + "[deconvolutional]\nfilters=3\nsize=2\nstride=2\nbatch_normalize=1\n"
    + "[batchnorm]\n[implicit]\nfilters=2\n[route]\nlayers=0\n"
    + "[crnn]\noutput=2\nhidden=3\nsize=3\npad=1\nbatch_normalize=1\n"
    + "[conv_lstm]\noutput=2\nsize=3\npad=1\npeephole=1\n"
    + "[local]\nfilters=2\nsize=3\npad=1\nactivation=leaky\n"
    + "[gru]\noutput=3\n[rnn]\noutput=4\nhidden=2\nbatch_normalize=1\n[lstm]\noutput=2\n[connected]\noutput=3\n"
)


@pytest.mark.parametrize("version", [(0, 1), (0, 2), (1001, 0)])
def test_what_is_saved_is_what_was_read(tmp_path, version):
    net = randomized(tmp_path, EVERYTHING)
    save_weights(net, tmp_path / "net.weights")
    body = (tmp_path / "net.weights").read_bytes()[20:]
    paths = write(tmp_path, EVERYTHING, header(*version) + body)
    net = jaxdnn.load(*paths)
    assert not net.missing
    save_weights(net, tmp_path / "again.weights")
    assert (tmp_path / "again.weights").read_bytes() == header(*version) + body


def test_opencv_reads_what_is_saved(tmp_path):
    cfg = picture(8, 6, 3) + NORMALIZED + CONV + "[maxpool]\nsize=2\nstride=2\n"
    net = randomized(tmp_path, cfg)
    save_weights(net, tmp_path / "net.weights")
    x = np.random.default_rng(1).random((1, 3, 6, 8), np.float32)
    (want,) = opencv([str(tmp_path / "net.cfg"), str(tmp_path / "net.weights")], x, ["pool_2"])
    np.testing.assert_allclose(net(x)["pool_2"], want, atol=1e-5 * np.abs(want).max())


def test_only_whole_darknet_nets_are_saved(tmp_path):
    net = randomized(tmp_path, picture(5, 5, 2) + CONV + CONV)
    part = jaxdnn.load(
        *write(tmp_path, picture(5, 5, 2) + CONV + CONV), outputs=["conv_0"], key=jax.random.key(0)
    )
    with pytest.raises(InputError, match=r"has no bias of 'conv_1', layer 1 \[convolutional\] of its cfg"):
        save_weights(part, tmp_path / "part.weights")
    other = net.replace(params=net.params)
    object.__setattr__(other, "source", jaxdnn.ir.Source("caffe"))
    with pytest.raises(InputError, match="the net comes from caffe"):
        save_weights(other, tmp_path / "other.weights")
    assert not list(tmp_path.glob("*.partial"))


@settings(max_examples=60)
@given(st.data())
def test_damaged_files_raise_only_our_errors(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("damaged")
    content = bytearray(weights(draw(4, (4, 2, 3, 3), 5, (5, 100))))
    for _ in range(data.draw(st.integers(0, 4))):
        content[data.draw(st.integers(0, 40))] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.one_of(st.just(len(content)), st.integers(0, len(content))))]
    with contextlib.suppress(JaxdnnError):
        jaxdnn.load(*write(folder, picture(5, 5, 2) + CONV + DENSE, bytes(content)))
