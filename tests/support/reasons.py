"""Why a cell of the table of layers does not say yes: the column, the reason, and the features."""

REASONS = (
    (
        "grad",
        "steps, whose derivative is zero wherever there is one.",
        (
            "Threshold",
            "Hardmax",
            "Unary, sign",
            "Unary, floor",
            "Unary, ceil",
            "Unary, round",
            "Binary, floor divide",
            "Binary, truncate divide",
            "Accuracy",
            "Cast to 8 bits",
        ),
    ),
    (
        "grad",
        "the result depends on the shape of the input alone.",
        ("PriorBox", "Fill like another"),
    ),
    ("grad", "the imaginary part of a real number is zero.", ("Unary, imaginary",)),
    (
        "grad",
        "it rounds, and gradients pass straight through the rounding, as training needs it.",
        ("Convolution of 8 bits",),
    ),
    (
        "grad",
        "jax has no derivative for it.",
        ("Binary, next after", "Binary, zeta", "Scatter, multiply", "Segments, product"),
    ),
    (
        "grad",
        "how often it runs depends on the data, and it says so. A loop whose rounds are known has gradients.",
        ("Loop",),
    ),
    ("float16", "the ends of the range lie beyond float16's largest number, 65504.", ("Range of products",)),
)
