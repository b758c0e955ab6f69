"""Hooks for schemathesis: what it may not do, and what it takes for a failure and is none. Each with its reason."""
import os

import schemathesis

# Tokens that the test itself holds: with these revoked the rest of the run would only see 401.
SPARED = os.environ.get("CONFORMANCE_SPARED_TOKENS", "").split(",")


@schemathesis.hook
def filter_case(context, case):
    return not (case.path == "/v1/tokens/{id}/revoke" and case.path_parameters.get("id") in SPARED)


@schemathesis.hook
def filter_failure(context, failure, case, response):
    # Whoever sends wrong tokens without pause, as the check `ignored_auth` does, is told to wait: not let in either.
    if failure.title.startswith("Unexpected response to invalid auth") and "got `429 " in failure.message:
        return False
    # Whoever pulls more often than any gateway is told when to come again.
    is_busy = response.status_code == 503 and response.json()["type"] == "urn:holdfast:problem:busy"
    return not (is_busy and "retry-after" in response.headers)
