"""Ask the host's init to restart a unit, and wait until it has. Standard library only: it starts in a blink."""

import os
import sys
import urllib.error
import urllib.parse
import urllib.request

unit = sys.argv[1]
query = urllib.parse.urlencode({"unit": unit, "cause": os.environ["RESILIBOT_CAUSE"]})
url = f"{os.environ['RESILIBOT_INIT']}/restart?{query}"
request = urllib.request.Request(url, method="POST")  # noqa: S310  the loopback address of our own init
try:
    urllib.request.urlopen(request, timeout=20).close()  # noqa: S310  as above
except urllib.error.HTTPError as error:
    sys.exit(f"Failed to restart {unit}: {error.read().decode(errors='replace')}")
except OSError as error:
    sys.exit(f"Failed to restart {unit}: {error}")
