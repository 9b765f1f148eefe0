"""Artifacts that are damaged, made elsewhere, or made to harm: they fall back or are errors, and run nothing."""

import zipfile

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import export as jax_export

import jaxdnn
from jaxdnn import JaxdnnError
from jaxdnn.artifact.calling import flat_params
from support.artifacts import assert_close, assert_same, edit_json, pictures, rewrite


@pytest.mark.parametrize(
    ("change", "note"),
    [
        ({"jaxlib": "0.0.1"}, "is for another machine: jaxlib is '.*' instead of '0.0.1'"),
        ({"device": "Z80"}, "device is 'cpu' instead of 'Z80'"),
        ({"instructions": "imaginary"}, r"this CPU lacks \[imaginary\] and has \[.*\] besides"),
        ({"flags": "--xla_some"}, "flags is '.*' instead of '--xla_some'"),
        ({"platform": "cuda", "more": "x"}, "more is 'unknown' instead of 'x', platform is 'cpu' instead of"),
    ],
)
def test_executables_for_another_machine(net, path, change, note):
    def elsewhere(manifest):
        manifest["executables"][0]["machine"].update(change)

    artifact = jaxdnn.load_artifact(rewrite(path, elsewhere), trust=True)
    assert artifact.origin == "StableHLO"
    with pytest.raises(AssertionError, match=note):
        raise AssertionError(artifact.notes[0])
    assert_close(artifact(pictures()), net(pictures()))


def break_member(name):
    return lambda members: members.update({name: bytes(100)})


@pytest.mark.parametrize(
    ("manifest", "members", "note"),
    [
        (lambda m: m["programs"][0].update(platforms=["tpu"]), lambda f: None, "is for tpu, this is cpu"),
        (lambda m: None, break_member("programs/0.stablehlo"), "cannot be read by jax"),
        (
            lambda m: m["programs"][0].update(outputs={"prob": 0}),
            lambda f: None,
            "not the program that the manif",
        ),
        (
            lambda m: m["programs"][0].update(inputs={"data": [1, 2]}),
            lambda f: None,
            "not the program that the",
        ),
    ],
)
def test_programs_that_cannot_be_used(net, path, manifest, members, note):
    changed = rewrite(path, manifest, members)
    artifact = jaxdnn.load_artifact(changed, trust=True)
    assert artifact.origin == "executable"
    assert artifact.origin_of(pictures(3)) == "IR"
    assert note in artifact.notes[-1]
    assert_same(artifact(pictures(3)), net(pictures(3)))


def test_machine_code_that_is_none(net, path):
    artifact = jaxdnn.load_artifact(rewrite(path, members=break_member("executables/0.bin")), trust=True)
    assert artifact.origin == "StableHLO"
    assert "'executables/0.bin' cannot be loaded" in artifact.notes[0]
    assert_close(artifact(pictures()), net(pictures()))


def test_a_program_that_calls_what_this_machine_lacks(net, path):
    """It can be read, but not compiled: the graph computes, and a note says why."""

    def call(params, inputs):
        del params
        answer = jax.ShapeDtypeStruct((2, 5), np.float32)
        return {"prob": jax.ffi.ffi_call("nowhere", answer)(inputs["data"][:, 0, 0, :5])}, {}

    structures = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), (flat_params(net.params), {"data": pictures()})
    )
    check = jax_export.DisabledSafetyCheck.custom_call("nowhere")
    exported = jax_export.export(
        jax.jit(call, keep_unused=True), platforms=("cpu",), disabled_checks=[check]
    )(*structures)
    changed = rewrite(
        path,
        lambda m: (
            m["programs"][0].update(platforms=["cpu"], inputs={"data": [2, 3, 6, 8]}),
            m.update(executables=[]),
        ),
        lambda found: found.update({"programs/0.stablehlo": bytes(exported.serialize())}),
    )
    artifact = jaxdnn.load_artifact(changed, trust=True)
    assert artifact.origin == "StableHLO"
    assert_same(artifact(pictures()), net(pictures()))
    assert "'programs/0.stablehlo': this cannot be compiled for cpu: " in artifact.notes[-1]


def drop(name):
    return lambda members: members.pop(name)


@pytest.mark.parametrize(
    ("manifest", "members", "message"),
    [
        (lambda m: m.update(format="zip"), lambda f: None, "its manifest does not state the format"),
        (
            lambda m: m.update(version=2),
            lambda f: None,
            "has version 2 of the format, jaxdnn reads version 1",
        ),
        (lambda m: m.update(more=1), lambda f: None, "the manifest has an unknown field 'more'"),
        (lambda m: m.pop("policy"), lambda f: None, "the manifest has no 'policy'"),
        (lambda m: m["policy"].update(compute="int8"), lambda f: None, "got 'int8'"),
        (lambda m: m["hashes"].update({"graph.json": "0"}), lambda f: None, "'graph.json' is damaged"),
        (
            lambda m: m["programs"][0].update(member="x.bin"),
            lambda f: None,
            "names 'x.bin', but not its hash",
        ),
        (lambda m: None, drop("params.safetensors"), "the artifact has no params.safetensors"),
        (lambda m: None, drop("graph.json"), "nothing in the artifact can be used here"),
        (
            lambda m: m.update(batches=[8, 1]),
            lambda f: None,
            "sizes from 1 to 32768 in ascending order, got [8, 1]",
        ),
        (lambda m: m.update(batches=[10**9]), lambda f: None, "in ascending order, got [1000000000]"),
        (
            lambda m: m.update(heads=["conv"]),
            lambda f: None,
            "calls 'conv' rows of boxes, which is no output",
        ),
        (
            lambda m: (m.update(programs=[]), m["inputs"][0].update(name="x")),
            lambda f: None,
            "has other inputs than",
        ),
        (
            lambda m: m.update(programs=[]),
            edit_json("graph.json", lambda g: g["nodes"][0]["layer"]["attributes"].update(filters=3)),
            "weight is 4x3x3x3 in the weights file, 3x3x3x3 expected",
        ),
    ],
)
def test_errors_of_the_file(path, manifest, members, message):
    changed = rewrite(path, manifest, members)
    with pytest.raises(JaxdnnError) as error:
        jaxdnn.load_artifact(changed)
    assert message in str(error.value)
    assert error.value.file == str(changed)


def test_a_zip_without_manifest(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.txt", "x")
    with pytest.raises(JaxdnnError, match=r"the archive has no manifest\.json"):
        jaxdnn.load_artifact(tmp_path / "a.zip")


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10**6), st.binary(min_size=1, max_size=4), st.sampled_from(["cut", "replace", "insert"])
)
def test_mutated_files_raise_nothing_else(path, position, piece, kind):
    whole = path.read_bytes()
    position %= len(whole)
    behind = {
        "cut": b"",
        "replace": piece + whole[position + len(piece) :],
        "insert": piece + whole[position:],
    }
    broken = path.with_name("broken.jaxdnn")
    broken.write_bytes(whole[:position] + behind[kind])
    try:
        artifact = jaxdnn.load_artifact(broken)
    except JaxdnnError:
        return
    assert artifact.manifest == jaxdnn.load_artifact(path).manifest  # bytes that nothing reads


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["graph.json", "params.safetensors", "constants.safetensors", "programs/0.stablehlo"]),
    st.integers(0, 10**6),
    st.binary(min_size=1, max_size=4),
)
def test_mutated_members_with_right_hashes_raise_nothing_else(path, member, position, piece):
    def mutate(members):
        data = members[member]
        place = position % len(data)
        members[member] = data[:place] + piece + data[place + len(piece) :]

    try:
        _ = jaxdnn.load_artifact(rewrite(path, members=mutate))(pictures())
    except JaxdnnError:
        return


LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 9),
    st.just(2**70),
    st.floats(),
    st.text(max_size=3),
    st.just([]),
)


def leaves(document) -> list[tuple]:
    """The places of everything in a document, as keys and indices."""
    items = document.items() if isinstance(document, dict) else enumerate(document)
    found = []
    for key, value in items:
        found.append((key,))
        if isinstance(value, dict | list):
            found += [(key, *rest) for rest in leaves(value)]
    return found


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["manifest.json", "graph.json"]), st.integers(0, 10**6), LEAVES, st.booleans())
def test_documents_with_something_else_in_them_raise_nothing_else(path, member, index, value, remove):
    def change(document):
        places = leaves(document)
        *outer, last = places[index % len(places)]
        for key in outer:
            document = document[key]
        if remove:
            del document[last]
        else:
            document[last] = value

    changes = (change,) if member == "manifest.json" else (lambda m: None, edit_json(member, change))
    try:
        _ = jaxdnn.load_artifact(rewrite(path, *changes))(pictures())
    except JaxdnnError:
        return
