"""Ask the host's init to restart a unit, and wait until it has. Standard library only: it starts in a blink."""

import os
import sys
import urllib.parse
import urllib.request

query = urllib.parse.urlencode({"unit": sys.argv[1], "cause": os.environ["RESILIBOT_CAUSE"]})
url = f"{os.environ['RESILIBOT_INIT']}/restart?{query}"
request = urllib.request.Request(url, method="POST")  # noqa: S310  the loopback address of our own init
with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310  as above
    sys.exit(0 if answer.status == 200 else 1)
