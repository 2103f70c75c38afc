"""private_files: what holds a secret, or may, is made readable to its owner alone, whatever the umask says."""

import os
from pathlib import Path
from typing import BinaryIO

OWN_FILE, OWN_FOLDER = 0o600, 0o700


def write_private(path: Path, text: str) -> None:
    """A new file in the place of what was there: who had that open, or could read it, does not see this one."""
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWN_FILE), "w", encoding="utf-8") as file:
        file.write(text)
    new.replace(path)


def append_private(path: Path) -> BinaryIO:
    """Open for appending; made if it is not there, with its folder."""
    path.parent.mkdir(mode=OWN_FOLDER, parents=True, exist_ok=True)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, OWN_FILE), "ab")
