"""The import arrows hold, and the checker that says so bites."""

import ast
import configparser
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = [*ROOT.glob("contracts/src"), *ROOT.glob("infra/*/src"), *ROOT.glob("services/*/src")]


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter over a copy of all packages, merged into one folder."""
    code = "from importlinter.cli import lint_imports_command as run; run(['--no-cache'])"
    command = [sys.executable, "-c", code]  # -c puts the folder first on the path: the copy is what is linted
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for source in SOURCES:
        shutil.copytree(source, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / ".importlinter", tmp_path / ".importlinter")
    return tmp_path


def test_the_arrows_hold(copy: Path) -> None:
    result = lint(copy)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("module", "planted"),
    [
        ("observe/gather.py", "import resilibot.act.gate"),
        ("contracts/event.py", "import resilibot.runtime.clock"),
        ("contracts/event.py", "import boto3"),
        ("runtime/writer.py", "import resilibot.ingest.service"),
        ("reason/diagnose.py", "import boto3"),
        ("reason/merge.py", "import pydantic_ai"),
        ("reason/diagnose.py", "import resilibot.reason.adapters.models"),
        ("projections/reading.py", "import resilibot.runtime.models.make"),
        ("projections/ask.py", "import resilibot.projections.adapters.readers"),
        ("act/gate.py", "import resilibot.runtime.environment"),
        ("plan/propose.py", "import resilibot.reason.diagnose"),
        ("notify/tell.py", "import httpx"),
        ("runtime/relay.py", "import resilibot.local.home"),
        ("act/service.py", "import resilibot.runtime.event_store.library"),
        ("runtime/writer.py", "import eventsourcing.persistence"),
        ("runtime/audit/coverage.py", "import resilibot.runtime.event_store.dynamodb"),
    ],
)
def test_a_planted_fault_is_caught(copy: Path, module: str, planted: str) -> None:
    target = copy / "resilibot" / module
    assert target.exists(), f"{module} moved: plant the fault elsewhere"
    target.write_text(f"{planted}\n" + target.read_text())
    result = lint(copy)
    assert result.returncode != 0, f"{planted} in {module} went unnoticed"
    assert "BROKEN" in result.stdout


def test_every_contract_names_only_modules_that_exist() -> None:
    rules = configparser.ConfigParser()
    rules.read(ROOT / ".importlinter")
    named = {
        word
        for section in rules.sections()
        for key in ("source_modules", "layers")
        for word in rules.get(section, key, fallback="").replace("|", "\n").split()
    }
    for module in named:
        path = module.replace(".", "/")
        assert any((s / path).is_dir() or (s / f"{path}.py").is_file() for s in SOURCES), module


def test_what_calls_itself_pure_is_held_to_it() -> None:
    rules = configparser.ConfigParser()
    rules.read(ROOT / ".importlinter")
    contracts = ("contracts", "decisions", "proofs")
    held = [m for name in contracts for m in rules[f"importlinter:contract:{name}"]["source_modules"].split()]
    modules = {".".join(path.relative_to(s).with_suffix("").parts): path for s in SOURCES for path in s.rglob("*.py")}
    pure = [m for m, path in modules.items() if "Pure" in (ast.get_docstring(ast.parse(path.read_text())) or "")]
    assert pure
    assert [m for m in pure if not any(f"{m}.".startswith(f"{one}.") for one in held)] == []
