"""Every case of the table of layers as a file in ONNX Runtime, against the net."""

import pytest

import jaxdnn
from support.matrix import CASES
from support.onnx_runtime import check

REFUSED = {
    **dict.fromkeys(
        ("Fourier transform, real", "Fourier transforms of frames", "Spectrogram"),
        "complex64 numbers have no operators",
    ),
    "Fourier transform of pairs": "'complex' has no operator",
    "Bit cast": "'bitcast_convert_type' has no operator",
    **{
        f"Unary, {function.replace('_', ' ')}": f"the function {function} has no operator"
        for function in (
            *("lgamma", "digamma", "erfinv", "expint"),
            *("bessel_i0e", "bessel_i1e", "bessel_i0", "bessel_i1"),
        )
    },
    "Unary, population count": "not defined for int32",
    **{
        f"Binary, {function.replace('_', ' ')}": f"the function {function} has no operator"
        for function in ("next_after", "igamma", "igammac", "polygamma", "zeta")
    },
    **dict.fromkeys(("Binary, shift right", "Binary, shift out right"), "not defined for int32"),
    **dict.fromkeys(
        (
            "Sequence",
            *(f"Sequence, {what}" for what in ("insert", "erase", "at", "length", "split", "join")),
        ),
        "a list of arrays of different shapes is no array",
    ),
    "Cholesky": "'cholesky' has no operator",
    **dict.fromkeys(("Inverse", "Solve"), "'lu' has no operator"),
    "QR": "'qr' has no operator",
    "SVD": "'svd' has no operator",
    "Eigenvalues": "'eigh' has no operator",
}
"""What operators up to opset 21 cannot express, and why."""


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, marks=[pytest.mark.long] * (index % 3 > 0)) for index, case in enumerate(CASES)],
    ids=[case.feature for case in CASES],
)
def test_the_newest_operators(case):
    if case.feature not in REFUSED:
        check(case.net, case.feeds, opset=21)
        return
    with pytest.raises(jaxdnn.UnsupportedLayerError, match=REFUSED[case.feature]):
        case.net.to_onnx(opset=21)


OLD = [case for index, case in enumerate(CASES) if case.feature not in REFUSED and index % 3 == 0]


@pytest.mark.long
@pytest.mark.parametrize("case", OLD, ids=lambda case: case.feature)
def test_the_oldest_operators(case):
    """Some layers need newer ones, and say so."""
    try:
        check(case.net, case.feeds, opset=13)
    except jaxdnn.UnsupportedLayerError as error:
        if "needs opset 1" not in str(error):
            raise
