"""The whole file: names, inputs and outputs, what is refused, and what nothing may break."""

import contextlib
import re
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import jaxdnn
from jaxdnn import FileError, GraphError, InputError, JaxdnnError, ParseError, UnsupportedLayerError
from support.darknet import header, load, picture, write

CONV = "[convolutional]\nbatch_normalize=1\nfilters=4\nsize=3\npad=1\nactivation=leaky\n"
HEAD = "[convolutional]\nfilters=14\nsize=1\nactivation=linear\n[yolo]\nnum=2\nclasses=2\nanchors=1,2,3,4\n"


def test_nodes_have_opencvs_names(tmp_path):
    net = load(
        tmp_path, picture(8, 8) + CONV + "[maxpool]\nsize=2\nstride=2\n" + CONV + "[route]\nlayers=1\n"
    )
    names = ["conv_0", "bn_0", "leaky_1", "pool_1", "conv_2", "bn_2", "leaky_3", "identity_3"]
    assert [node.name for node in net.graph.nodes] == names
    assert net.source.layers == ("leaky_1", "pool_1", "leaky_3", "identity_3")


def test_outputs_are_what_nothing_takes(tmp_path):
    cfg = picture(8, 8) + CONV + HEAD + "[route]\nlayers=0\n[upsample]\n" + HEAD
    net = load(tmp_path, cfg)
    assert net.graph.outputs == ("yolo_2", "yolo_6")
    assert net.outputs["yolo_6"].shape == (1, 16 * 16 * 2, 7)
    assert net.inputs["data"].shape == (1, 3, 8, 8)


def test_files_in_either_order_and_sniffed_by_content(tmp_path):
    paths = write(tmp_path, "# a comment\n\n" + picture(4, 4) + "[avgpool]\n", header())
    x = np.ones((2, 3, 4, 4), np.float32)
    for arguments in (paths, paths[::-1]):
        assert np.asarray(jaxdnn.load(*arguments)(x)["avgpool_0"]).shape == (2, 3, 1, 1)


def test_a_byte_order_mark_and_latin_1(tmp_path):
    path = tmp_path / "net.cfg"
    path.write_bytes(b"\xef\xbb\xbf[net]\nwidth=4\nheight=4\nchannels=1\n[avgpool]\n")
    assert jaxdnn.load(path).graph.outputs == ("avgpool_0",)
    path.write_bytes(b"[net]\n# gr\xf6\xdfe\nwidth=4\nheight=4\nchannels=1\n[avgpool]\n")
    assert jaxdnn.load(path).graph.outputs == ("avgpool_0",)


def test_options_for_training_are_known(tmp_path):
    cfg = (
        picture(4, 4)
        + "batch=64\nsubdivisions=16\nmomentum=0.9\npolicy=steps\nsteps=1,2\nscales=.1,.1\nmosaic=1\n"
        + "letter_box=1\n"
        + CONV
        + "stopbackward=1\nlearning_rate=0.1\nassisted_excitation=4000\n"
    )
    net = load(tmp_path, cfg)
    assert net.source.preprocessing["letterbox"]
    assert net.source.preprocessing["scale"] == 1 / 255


@pytest.mark.parametrize(
    ("cfg", "error", "message"),
    [
        ("[conv]\n", ParseError, "net.cfg:1: not a cfg of a network: its first section must be"),
        ("[net]\nwidth=4\nheight=4\nchannels=3\n", GraphError, "net.cfg: there is no layer in it"),
        (
            "[net]\nwidth=4\nheight=4\n[avgpool]\n",
            ParseError,
            r"net.cfg:1: layer \[net\]: channels must be at",
        ),
        ("[net]\nwidth=4\nheight=-4\nchannels=3\n[avgpool]\n", ParseError, "net.cfg:3: .* height must be at"),
        ("[net]\n[avgpool]\n", ParseError, "width must be at least 1, got 0"),
        ("[net]\ninputs=-3\n[avgpool]\n", ParseError, "inputs must be at least 1, got -3"),
        (
            picture(100000, 100000) + "[avgpool]\n",
            ParseError,
            "the input of 3x100000x100000 is absurdly large",
        ),
        (
            picture(4, 4) + "[foo]\na=1\n[avgpool]\n[bar]\n",
            UnsupportedLayerError,
            r"net.cfg:5: unknown sections: \[foo\] in line 5, \[bar\] in line 8",
        ),
        (
            picture(4, 4) + "wdith=4\n[avgpool]\n",
            ParseError,
            "net.cfg:5: .*option 'wdith' of .net. is unknown",
        ),
        (
            picture(4, 4) + CONV + "paddng=1\n",
            ParseError,
            "net.cfg:11: .* 'paddng' .* did you mean 'padding'",
        ),
        (
            picture(4, 4) + "[avgpool]\nsize=2\n",
            ParseError,
            "net.cfg:6: .* option 'size' of .avgpool. is unknown",
        ),
    ],
)
def test_errors(tmp_path, cfg, error, message):
    with pytest.raises(error, match=message):
        load(tmp_path, cfg, format="darknet")


def test_files_that_are_no_cfg(tmp_path):
    (tmp_path / "a.cfg").write_bytes(bytes(100))
    with pytest.raises(FileError, match=r"a\.cfg: not a cfg: this is a binary file, the weights perhaps"):
        jaxdnn.load(tmp_path / "a.cfg", format="darknet")
    (tmp_path / "b.cfg").write_text("what is this?\n")
    with pytest.raises(ParseError, match=r"b\.cfg:1: 'whatisthis\?' is no option"):
        jaxdnn.load(tmp_path / "b.cfg", format="darknet")


def test_compat(tmp_path):
    with pytest.raises(InputError, match="compat 'darknet' is unknown; the one choice is 'opencv'"):
        load(tmp_path, picture(4, 4) + "[avgpool]\n", compat="darknet")
    cfg = picture(4, 4) + CONV + "dilation=2\nstride_x=2\n[upsample]\nscale=2\n"
    assert "Power" in str(load(tmp_path, cfg).graph)
    assert "dilation" in str(load(tmp_path, cfg).graph)
    graph = str(load(tmp_path, cfg, compat="opencv").graph)
    assert "Power" not in graph
    assert "dilation" not in graph
    assert "epsilon=1e-06" in graph


CFG = (
    picture(9, 8, 4)
    + CONV
    + CONV
    + "[shortcut]\nfrom=-2\nactivation=linear\n"
    + (
        "[maxpool]\nsize=2\nstride=2\n[route]\nlayers=-1,3\n[upsample]\nstride=2\n[reorg3d]\nstride=2\n"
        "[conv_lstm]\noutput=3\nsize=3\npad=1\n[crop]\ncrop_width=3\ncrop_height=3\n[local]\nfilters=2\nsize=3\n"
        "[connected]\noutput=14\n[softmax]\n" + HEAD
    )
)
LINES = CFG.splitlines()
NUMBER = st.one_of(st.integers(-3, 12), st.sampled_from([2**31 - 1, 1_000_000, -(2**31), 10**30]))


@st.composite
def mutants(draw):
    lines = list(LINES)
    for _ in range(draw(st.integers(1, 3))):
        index = draw(st.integers(0, len(lines) - 1))
        change = draw(st.integers(0, 4))
        if change == 0 and len(lines) > 1:
            del lines[index]
        elif change == 1:
            lines.insert(index, draw(st.sampled_from(LINES)))
        elif change == 2:
            lines[index] = re.sub(r"=.*", f"={draw(NUMBER)}", lines[index])
        elif change == 3:
            lines[index] = re.sub(r"=.*", f"={draw(st.text(max_size=4))}", lines[index])
        else:
            other = draw(st.integers(0, len(lines) - 1))
            lines[index], lines[other] = lines[other], lines[index]
    return "\n".join(lines)


@settings(max_examples=100)
@given(mutants(), st.booleans())
def test_mutated_files_raise_only_our_errors(tmp_path_factory, cfg, with_weights):
    folder = tmp_path_factory.mktemp("mutant")
    (folder / "net.cfg").write_text(cfg, encoding="utf-8", errors="replace")
    (folder / "net.weights").write_bytes(bytes(20) + bytes(4000))
    paths = [folder / "net.cfg", folder / "net.weights"] if with_weights else [folder / "net.cfg"]
    with contextlib.suppress(JaxdnnError), warnings.catch_warnings():
        warnings.simplefilter("ignore", jaxdnn.JaxdnnWarning)
        jaxdnn.load(*paths, format="darknet")
