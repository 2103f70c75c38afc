"""Print the HTTP status of a GET, or 000: what `curl --output /dev/null --write-out %{http_code}` prints."""

import http.client
import sys
import urllib.parse

arguments = sys.argv[1:]
limit = float(arguments[arguments.index("--max-time") + 1])
url = urllib.parse.urlsplit(arguments[-1])
try:
    connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=limit)
    connection.request("GET", url.path)
    sys.stdout.write(f"{connection.getresponse().status}\n")
except (OSError, http.client.HTTPException):
    sys.stdout.write("000\n")
    sys.exit(28)
