"""Vectors of runbooks in a folder, one file per model."""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from resilibot.observe.runbook_ports import VectorsUnavailable
from resilibot.observe.vector_pack import pack, unpack


class FileVectors:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, model: str) -> dict[str, bytes]:
        path = self._path(model)
        try:
            return unpack(path.read_bytes())
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise VectorsUnavailable(f"{path}: {error}") from error

    def write(self, model: str, vectors: Mapping[str, bytes]) -> None:
        path = self._path(model)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            handle, beside = tempfile.mkstemp(dir=self._folder)
            with os.fdopen(handle, "wb") as file:
                file.write(pack(vectors))
            os.replace(beside, path)  # whole or not at all, whoever reads meanwhile
        except OSError as error:
            raise VectorsUnavailable(f"{path}: {error}") from error

    def _path(self, model: str) -> Path:
        return self._folder / f"{model}.vectors"
