"""Calls to the Hugging Face hub: made again where a failure may pass, explained in one line where it does not."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from ...errors import UserError

Result = TypeVar("Result")

# Behind the library's own attempts, which do not cover every call and not a connection that is reset in mid-file.
WAITS = (2.0, 10.0, 30.0)
"""Seconds before a call is made again."""
_TOO_MUCH = (408, 429)


class HubError(Exception):
    """Why the hub does not give something, in one line."""


class NotReachedError(HubError):
    """The hub is not reached, so that further calls are of no use now."""


def check_online() -> None:
    """Raise UserError where the hub must not be reached."""
    import huggingface_hub

    if huggingface_hub.is_offline_mode():
        raise UserError(
            "HF_HUB_OFFLINE forbids to reach the hub, which this needs; put HF_HUB_OFFLINE=0 in front of the command"
        )


def called(call: Callable[[], Result], hub: str) -> Result:
    """What a call to a library of the hub returns.

    hub: the data set that it is about.
    Raises HubError with the reason, NotReachedError where that is the network, what is wrong with this machine (a full
    disk), and what the library says of its arguments.
    """
    import httpx2

    for wait in (*WAITS, None):
        try:
            return call()
        except (httpx2.HTTPError, OSError, RuntimeError) as error:
            if not _is_of_the_hub(error):
                raise
            if wait is None or not _may_pass(error):
                raise _explained(error, hub) from None
            time.sleep(wait)
    raise AssertionError("the last attempt returns or raises")


def _is_of_the_hub(error: Exception) -> bool:
    import httpx2
    from huggingface_hub.errors import LocalEntryNotFoundError

    if isinstance(error, httpx2.HTTPError | LocalEntryNotFoundError) or not isinstance(error, OSError):
        return True
    # What the machine says has a number; FileNotFoundError is how the library `datasets` says that nothing matches.
    return error.errno is None and not isinstance(error, FileNotFoundError)


def _may_pass(error: Exception) -> bool:
    import httpx2
    from huggingface_hub.errors import HfHubHTTPError

    if isinstance(error, HfHubHTTPError):
        return error.response.status_code in _TOO_MUCH or error.response.status_code >= 500
    return isinstance(error, httpx2.TransportError) or str(error).startswith("Consistency check failed")


def _explained(error: Exception, hub: str) -> HubError:
    import httpx2
    from huggingface_hub import constants, errors

    if isinstance(error, errors.LocalEntryNotFoundError) and isinstance(error.__cause__, Exception):
        # The library's own attempts are over, and what stopped them is inside.
        error = error.__cause__
    if isinstance(error, errors.HfHubHTTPError):
        return HubError(_answered(error, hub))
    if isinstance(error, httpx2.TransportError | ConnectionError):
        return NotReachedError(f"the hub ({constants.ENDPOINT}) is not reached: {_first_line(error)}")
    return HubError(f"{hub}: {_first_line(error)}")


def _answered(error: Exception, hub: str) -> str:
    """The reason that lies in an answer of the hub."""
    from huggingface_hub import constants, errors, get_token

    assert isinstance(error, errors.HfHubHTTPError)
    page, status = f"{constants.ENDPOINT}/datasets/{hub}", error.response.status_code
    if isinstance(error, errors.GatedRepoError):
        if get_token():
            return f"{hub} is gated, and the account of HF_TOKEN is not let in; accept the terms at {page}"
        return f"{hub} is gated; accept the terms at {page} and set HF_TOKEN to a token of that account"
    if isinstance(error, errors.RepositoryNotFoundError):
        return f"the hub has no data set {hub}, or only for accounts that its owner names (HF_TOKEN)"
    if isinstance(error, errors.RevisionNotFoundError):
        return f"{hub} does not have this revision, or no longer"
    if isinstance(error, errors.DisabledRepoError):
        return f"{hub} was taken down"
    if status == 401:
        return "the hub does not know HF_TOKEN; make another token, or unset it"
    return f"the hub answers {status} for {hub}: {' '.join((error.server_message or _first_line(error)).split())}"


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
