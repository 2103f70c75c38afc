"""AWS clients of the command line, aimed at a running home; the user's own AWS configuration is never read."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from resilibot.local.home_file import HomeFile

REGION = "us-east-1"
ACCOUNT = "000000000000"


def emulator_env(endpoint: str) -> dict[str, str]:
    """Environment that aims every AWS SDK call of a process at the emulator, and at nothing else."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": ACCOUNT,  # both emulators take a 12-digit access key for the account
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_SESSION_TOKEN": "",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
    }


def client_at(endpoint: str, service: str) -> Any:
    import boto3
    from botocore.config import Config

    session: Any = boto3.session.Session(
        aws_access_key_id=ACCOUNT,
        aws_secret_access_key="local",  # noqa: S106  the emulator asks for any value
        region_name=REGION,
    )
    config = Config(connect_timeout=2, read_timeout=30, retries={"total_max_attempts": 3}, proxies={})
    return session.client(service, endpoint_url=endpoint, config=config)


@contextmanager
def clients_at(endpoint: str) -> Iterator[Callable[[str], Any]]:
    """Clients by service name, made once each and closed at the end."""
    made: dict[str, Any] = {}

    def client(service: str) -> Any:
        if service not in made:
            made[service] = client_at(endpoint, service)
        return made[service]

    try:
        yield client
    finally:
        for one in made.values():
            one.close()


def home_client(home: HomeFile, service: str) -> Any:
    return client_at(home.endpoint, service)
