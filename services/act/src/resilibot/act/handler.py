"""Lambda entry of act. Composition only."""

import time
from collections.abc import Mapping
from functools import cache
from typing import Any

from resilibot.act.adapters.ssm_automation import SsmAutomation, SsmManagedHosts
from resilibot.act.policy import load
from resilibot.act.ports import Ports
from resilibot.act.service import SERVICE
from resilibot.act.settings import ActSettings
from resilibot.contracts.door_policy import load as load_door
from resilibot.contracts.events import GatePolicyActivatedV1
from resilibot.runtime.environment import Runtime, client
from resilibot.runtime.policies import record_policy


@cache
def _composed() -> tuple[Runtime, Ports]:
    runtime, s = Runtime.from_env(), ActSettings()

    @cache
    def grant_key() -> bytes:
        secret: str = client("secretsmanager").get_secret_value(SecretId=s.grant_key_secret)["SecretString"]
        return secret.encode()

    automation = SsmAutomation(client("ssm", attempts=1), client("ssm"))
    hosts = SsmManagedHosts(client("ssm"), s.service_tag)
    policy, door = load(s.policy_file), load_door(s.door_policy_file)
    ports = Ports(s, policy, grant_key, automation, hosts, time.sleep, door)
    origin = s.policy_file or "built-in"
    activated = GatePolicyActivatedV1(version=policy.version, origin=origin, policy=policy.model_dump(mode="json"))
    record_policy(runtime.writer(SERVICE, ports), activated)
    return runtime, ports


def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    runtime, ports = _composed()
    return runtime.consumer(SERVICE, ports).handle(event)


def router() -> Any:
    from resilibot.act.routes import routes

    runtime, ports = _composed()
    return routes(ports, runtime.writer(SERVICE, ports))
