"""Parameters of an SSM document: what its own declaration does not allow never reaches a shell."""

from importlib.resources import files
from pathlib import Path

import pytest

from resilibot.local.world.ssm_documents import DocumentMissing, Library, ParametersInvalid

HOST = "i-0a1b2c3d4e5f60001"
IN_TIME = {"NotAfter": ["1764028800"]}


@pytest.fixture(scope="module")
def library() -> Library:
    return Library([Path(str(files("resilibot.act") / "documents"))])


def test_declared_parameters_are_bound(library: Library) -> None:
    given = {"InstanceIds": [HOST], "Unit": ["checkout.service"], **IN_TIME}
    assert library.get("ResiliBot-RestartService", is_automation=True).bind(given) == given


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"Unit": ["checkout.service"]}, "InstanceIds"),
        ({"InstanceIds": [HOST]}, "Unit"),
        ({"InstanceIds": [HOST], "Unit": ["checkout.service"], "Shell": ["sh"]}, "Shell"),
        ({"InstanceIds": [HOST], "Unit": ["a.service", "b.service"]}, "Unit"),
        ({"InstanceIds": [HOST], "Unit": ["a.service; reboot"]}, "Unit"),
        ({"InstanceIds": [HOST], "Unit": ["a.service\n"]}, "Unit"),
        ({"InstanceIds": ["*"], "Unit": ["a.service"]}, "InstanceIds"),
        ({"InstanceIds": [HOST], "Unit": ["a.service"], "NotAfter": []}, "NotAfter"),
        ({"InstanceIds": [HOST], "Unit": ["a.service"], "NotAfter": ["0"]}, "NotAfter"),
    ],
)
def test_anything_else_is_refused_by_name(library: Library, given: dict[str, list[str]], named: str) -> None:
    with pytest.raises(ParametersInvalid, match=named):
        library.get("ResiliBot-RestartService", is_automation=True).bind({**IN_TIME, **given})


def test_a_rollback_names_a_release_that_is_no_path(library: Library) -> None:
    given = {"InstanceIds": [HOST], "Unit": ["checkout.service"], "Release": ["1.4.1"], **IN_TIME}
    document = library.get("ResiliBot-RollbackRelease", is_automation=True)
    assert document.bind(given) == given
    for sneaky in ("../1.4.1", "1.4.1/..", "-rf", "", "1.4.1\n"):
        with pytest.raises(ParametersInvalid, match="Release"):
            document.bind({**given, "Release": [sneaky]})


def test_only_documents_that_are_shipped_exist_each_in_its_own_kind(library: Library) -> None:
    with pytest.raises(DocumentMissing):
        library.get("AWS-RunShellScript", is_automation=False)
    with pytest.raises(DocumentMissing):
        library.get("ResiliBot-RestartService", is_automation=False)
