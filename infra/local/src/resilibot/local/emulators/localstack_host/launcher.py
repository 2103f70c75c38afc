"""Start LocalStack community 4.14.0 (PyPI: localstack-core) as one plain process, on loopback only.

Runs in LocalStack's own environment (Python 3.13), started by localstack.py. It adds to stock LocalStack: the host
in GATEWAY_LISTEN is honoured (stock binds every interface), DynamoDB Local is taken from $DDB_LOCAL_DIR and bound to
loopback, S3 objects stay in the state folder.
"""

import os
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
HOST, _, PORT = os.environ["GATEWAY_LISTEN"].rpartition(":")
ROOT = pathlib.Path(os.environ["FILESYSTEM_ROOT"])
for key, value in {
    "OVERRIDE_IN_DOCKER": "0",  # a container with /.dockerenv would else be taken for the LocalStack image
    "LOCALSTACK_HOST": f"localhost:{PORT}",  # host:port written into queue URLs
    "SKIP_SSL_CERT_DOWNLOAD": "1",
    "DISABLE_EVENTS": "1",  # no analytics
    "DNS_ADDRESS": "0",  # no DNS server on port 53
    "PROVIDER_OVERRIDE_DYNAMODB": "v2",  # streams from DynamoDB Local itself; the default needs kinesis-mock
    "DYNAMODB_IN_MEMORY": "1",
    "DDB_LOCAL_TELEMETRY": "0",
    "SQS_ENDPOINT_STRATEGY": "path",  # queue URLs without a domain of LocalStack's
}.items():
    os.environ.setdefault(key, value)


def bind_to_loopback():
    from twisted.internet import endpoints

    original = endpoints.TCP4ServerEndpoint
    endpoints.TCP4ServerEndpoint = lambda reactor, port, **kw: original(reactor, port, interface=HOST, **kw)


def use_bundled_dynamodb_local():
    directory = os.environ["DDB_LOCAL_DIR"]
    from localstack.services.dynamodb import packages, server

    installer = packages.DynamoDBLocalPackageInstaller
    installer.get_installed_dir = lambda self: directory
    installer.is_installed = lambda self: True
    installer.install = lambda self, target=None: None
    installer.get_java_env_vars = lambda self: {}

    def command(self):  # the stock command adds a -javaagent, a download that only lifts the limit of 20 GSIs
        options = ["-port", str(self.port), "-disableTelemetry"]
        options += ["-dbPath", self.db_path] if self.db_path else ["-inMemory"]
        options += ["-delayTransientStatuses"] * self.delay_transient_statuses
        options += ["-optimizeDbBeforeStartup"] * self.optimize_db_before_startup
        options += ["-sharedDb"] * self.share_db
        return [sys.executable, str(HERE / "dynamodb_local.py"), directory, self.heap_size, *options]

    server.DynamodbServer._create_shell_command = command


def keep_s3_objects_in_root():
    from localstack.services.s3 import provider

    provider.DEFAULT_S3_TMP_DIR = str(ROOT / "s3")  # stock: a fixed folder, whatever TMPDIR says


def main():
    bind_to_loopback()
    use_bundled_dynamodb_local()
    keep_s3_objects_in_root()
    from localstack.runtime.main import main as run

    run()


if __name__ == "__main__":
    main()
