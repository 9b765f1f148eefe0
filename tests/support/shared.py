"""Where the trained networks and corpora lie."""

import os
from pathlib import Path


def shared_folder() -> Path | None:
    """Return the models folder named by JAXDNN_SHARED, or ../shared beside the repository, if it exists."""
    root = Path(os.environ.get("JAXDNN_SHARED", Path(__file__).parents[3] / "shared"))
    folder = root / "models" if (root / "models").is_dir() else root
    return folder if (folder / "manifest.json").is_file() else None
