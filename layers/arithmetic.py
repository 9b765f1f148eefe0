"""Arithmetic on whole arrays as tensor languages have it: one function by name, any type, broadcasting."""

from __future__ import annotations

import math

from jaxdnn.layers.base import Layer, Shape, require_one_of

UNARY = (
    *(
        "abs",
        "negate",
        "sign",
        "floor",
        "ceil",
        "round",
        "square",
        "sqrt",
        "rsqrt",
        "reciprocal",
        "exp",
        "expm1",
    ),
    *("log", "log1p", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh"),
    *("atanh", "erf", "erfc", "lgamma", "digamma", "is_nan", "is_inf", "is_finite", "not", "bitwise_not"),
    *("erfinv", "ndtri", "bessel_i0e", "bessel_i1e", "bessel_i0", "bessel_i1"),
    *("spence", "expint", "population_count"),
    *("real", "imaginary", "conjugate", "angle"),
)
BINARY = (
    *("add", "subtract", "multiply", "divide", "maximum", "minimum", "power", "atan2", "squared_difference"),
    *("floor_divide", "truncate_divide", "floor_remainder", "truncate_remainder"),
    *("divide_no_nan", "multiply_no_nan", "xlogy", "xlog1py", "xdivy"),
    *("equal", "not_equal", "less", "less_equal", "greater", "greater_equal", "and", "or", "xor"),
    *("bitwise_and", "bitwise_or", "bitwise_xor", "shift_left", "shift_right"),
    *("shift_out_left", "shift_out_right"),
    *("next_after", "igamma", "igammac", "polygamma", "zeta", "complex"),
)


class Unary(Layer):
    """``y = function(x)``, element by element, in the type of x; a test (``is_nan``, ``not``) gives booleans.

    ``round`` rounds halves to the even neighbour; ``rsqrt`` is ``1 / sqrt(x)``, ``reciprocal`` ``1 / x``,
    ``erf`` and ``erfc`` are the error function and one minus it, ``lgamma`` the logarithm of the absolute gamma
    function and ``digamma`` its derivative; ``erfinv`` is the inverse of ``erf``, and ``ndtri`` that of the normal
    distribution; the Bessel functions with an e are multiplied by ``exp(-|x|)``; ``spence`` is the
    dilogarithm of ``1 - x`` and ``expint`` the exponential integral Ei; the population is the number of set bits. The
    others are what they are called. ``abs``, ``real``, ``imaginary`` and ``angle`` of complex numbers are real.

    Attributes:
        function: one of :data:`UNARY`.
    """

    function: str

    def __post_init__(self) -> None:
        require_one_of(UNARY, function=self.function)


class Binary(Layer):
    """``y = function(a, b)``, element by element, of two arrays of one type.

    Axes of size 1, and leading axes that an input lacks, are stretched. Comparisons and ``and``, ``or``,
    ``xor`` give booleans, the others the type of the inputs.

    ``divide`` of integers drops the fraction, as ``truncate_divide`` always does; ``floor_divide`` rounds down. The
    remainders belong to the two: ``floor_remainder`` has the sign of b, ``truncate_remainder`` that of a. All of them
    are zero where an integer is divided by zero. ``shift_left`` and ``shift_right`` are by 0 places at least and by all
    but one at most. ``shift_out_left`` and ``shift_out_right`` are by any number of places, a negative one counting as
    all of them: what is left is zero, or the sign on the right. Where b is zero ``divide_no_nan`` and
    ``multiply_no_nan`` give zero, whatever a is. ``xlogy``, ``xlog1py`` and ``xdivy`` are ``a * log(b)``,
    ``a * log(1 + b)`` and ``a / b``, and zero where a is zero. ``next_after`` is the neighbour of a towards b;
    ``igamma`` and ``igammac`` are the regularised incomplete gamma functions of order a, ``polygamma`` is derivative a
    of digamma, ``zeta`` Hurwitz' function, each at b; ``complex`` is ``a + ib``. ``power`` may be of two types, the
    result has that of a; negative powers of integers are zero, but for those of 1 and -1.

    Attributes:
        function: one of :data:`BINARY`.
    """

    function: str

    def __post_init__(self) -> None:
        require_one_of(BINARY, function=self.function)


class Select(Layer):
    """Elements of the second input where the first one is true, of the third one elsewhere.

    The three are broadcast against each other.

    Attributes:
        rows: whether a condition of one axis tells about whole rows instead: the first axis of the others.
    """

    rows: bool = False


class Cast(Layer):
    """The elements in another type; a fraction is dropped where that type has none.

    Integers that do not fit lose their upper bits, also those of 8 or 16 bits that were floating numbers within 32
    bits; floating numbers beyond 32 or 64 bits become the type's ends, and what is no number 0.

    Numbers become true unless they are zero. A type of 64 bits counts as one of 32, unless jax computes in 64. A
    floating type says how values are rounded; they compute in the policy's type all the same. Rounding is to the
    nearest number, halves to the even one.

    ``float8_e8m0fnu`` holds the powers of two from ``2**-127`` to ``2**127``; x that are not above 0 become the
    smallest one.

    Attributes:
        dtype: numpy's name of the type, or that of ``ml_dtypes``.
        saturate: whether floating numbers beyond those of a type of 8 bits become its largest ones; if not, infinity,
            or no number where the type has no infinity.
        powers: which of the two powers of two around x ``float8_e8m0fnu`` takes, the one that is ``up``, ``down`` or
            ``nearest``, up from the middle.
    """

    dtype: str
    saturate: bool = False
    powers: str = "nearest"

    def __post_init__(self) -> None:
        require_one_of(("up", "down", "nearest"), powers=self.powers)


class CastLike(Layer):
    """The first input in the type of the second one, see :class:`Cast`; both may be of any shape.

    Where the second one is of a floating type of at most 16 bits, the program knows no more of it than that.
    """


class Accumulate(Layer):
    """Sums, products or ``log(sum of exp(x))`` of all elements up to each one along an axis.

    Attributes:
        operation: ``sum``, ``product`` or ``log_sum_exp``.
        axis: along which.
        exclusive: whether the element itself is left out; the first result is then 0, 1 or minus
            infinity.
        reverse: whether the elements from each one to the end are joined instead.
    """

    operation: str = "sum"
    axis: int = 0
    exclusive: bool = False
    reverse: bool = False

    def __post_init__(self) -> None:
        require_one_of(("sum", "product", "log_sum_exp"), operation=self.operation)


class Einsum(Layer):
    """A sum of products by Einstein's convention, over any number of inputs.

    Attributes:
        equation: as numpy's ``einsum`` takes it, with an arrow: ``ij,jk->ik``; ``...`` stands for further axes.
            The output may repeat an index: it then runs along a diagonal, and everything beside that is zero.
    """

    equation: str

    def flops(self, inputs: tuple[Shape, ...], outputs: tuple[Shape, ...]) -> int:
        """Count one multiply-add per combination of all indices, further axes taken from the output."""
        terms = self.equation.replace(" ", "").split("->")[0].split(",")
        sizes: dict[str, int] = {}
        for term, shape in zip(terms, inputs, strict=True):
            if "." not in term:
                sizes.update(zip(term, shape, strict=False))
        further = math.prod(outputs[0]) if "." in self.equation else 1
        return 2 * math.prod(sizes.values()) * further
