"""ssm_agent: runs a Command document on one host: its own shell script, with /bin/sh, in the host's own folder."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from resilibot.local.world.hosts import Host
from resilibot.local.world.ssm_documents import Document

SHIMS = Path(__file__).with_name("shims")
OUTPUT_CHARS = 24_000  # what SSM keeps of an output


@dataclass(frozen=True)
class Invocation:
    status: Literal["Success", "Failed", "TimedOut"]
    exit_code: int
    output: str
    error: str


def run(document: Document, host: Host, parameters: Mapping[str, list[str]], cause: str, init: str) -> Invocation:
    """Run every step in order until one fails. Parameters reach the script as SSM_<Name>, never as text in it."""
    output, error = "", ""
    for step in document.content["mainSteps"]:
        script = "\n".join(step["inputs"]["runCommand"])
        try:
            done = subprocess.run(  # noqa: S603  an allow-listed document's own script
                ["/bin/sh", "-c", script],
                env=_environment(host, parameters, cause, init),
                cwd=host.root,
                capture_output=True,
                text=True,
                timeout=float(step["inputs"].get("timeoutSeconds", 3600)),
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Invocation("TimedOut", -1, output[:OUTPUT_CHARS], error[:OUTPUT_CHARS])
        output += done.stdout
        error += done.stderr
        if done.returncode:
            return Invocation("Failed", done.returncode, output[:OUTPUT_CHARS], error[:OUTPUT_CHARS])
    return Invocation("Success", 0, output[:OUTPUT_CHARS], error[:OUTPUT_CHARS])


def _environment(host: Host, parameters: Mapping[str, list[str]], cause: str, init: str) -> dict[str, str]:
    own = {f"SSM_{name}": values[0] for name, values in parameters.items()}
    return {
        "PATH": f"{SHIMS}{os.pathsep}/usr/bin{os.pathsep}/bin",
        "LANG": "C.UTF-8",
        "AWS_SSM_INSTANCE_ID": host.instance_id,
        "RESILIBOT_HOST_ROOT": str(host.root),
        "RESILIBOT_PYTHON": sys.executable,
        "RESILIBOT_SHIMS": str(SHIMS),
        "RESILIBOT_INIT": f"{init}/hosts/{host.instance_id}",
        "RESILIBOT_CAUSE": cause,
        **own,
    }
