"""What is computed: one frozen dataclass per layer. Its docstring is the specification."""
