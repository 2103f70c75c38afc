"""isolated PACKAGE_DIR: the package installs and imports alone, and declares every third-party package it imports.

The shared environment hides a forgotten dependency; an environment with only this package's own does not.
"""

import os
import subprocess
import sys
import tomllib
from pathlib import Path


def modules(source: Path) -> list[str]:
    """Every module of a package's src folder, launchers and data folders left out."""
    skipped = {"localstack_host", "releases", "shims", "documents"}
    found = []
    for path in sorted(source.rglob("*.py")):
        relative = path.relative_to(source)
        if skipped & set(relative.parts) or relative.stem == "__main__":
            continue
        parts = relative.with_suffix("").parts
        found.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return found


def main(folder: Path) -> int:
    name = tomllib.loads((folder / "pyproject.toml").read_text())["project"]["name"]
    code = "import importlib, sys; [importlib.import_module(m) for m in sys.argv[1:]]"
    command = [os.environ.get("UV", "uv"), "run", "--isolated", "--frozen", "--no-default-groups", "--package", name]
    done = subprocess.run([*command, "python", "-c", code, *modules(folder / "src")], check=False)
    print(f"{name}: {'imports alone' if done.returncode == 0 else 'does NOT import alone'}")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
