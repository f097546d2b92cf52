"""Models on the Hugging Face hub: fetched at a commit into the hub's own cache, with every failure in one line.

The token of an account comes from HF_TOKEN. What is in the cache already is not fetched again, and needs no network.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import UserError

COMMIT = re.compile(r"[0-9a-f]{40}")

# Weights, tokenizer, licence. Not what lies in folders: weights in their makers' own formats.
_WANTED = ("*.json", "*.safetensors", "*.model", "*.jinja", "merges.txt", "LICENSE*", "NOTICE*", "USE_POLICY*")
_LEFT = ("*/*",)


class HubError(UserError):
    """Why the hub does not give something, in one line."""


class NotReachedError(HubError):
    """The hub is not reached, so that further calls are of no use now."""


def fetched(hub: str, revision: str | None) -> Path:
    """The folder in the cache with the files of a model at a commit (None: of what its main branch is now).

    The folder is named by the commit. Raises HubError.
    """
    from huggingface_hub import snapshot_download

    with _explained(hub, revision):
        return Path(
            snapshot_download(hub, revision=revision, allow_patterns=list(_WANTED), ignore_patterns=list(_LEFT))
        )


def current(hub: str) -> str:
    """The commit that a model's main branch is at now. Raises HubError."""
    import huggingface_hub

    if huggingface_hub.is_offline_mode():
        raise NotReachedError(_offline(hub))
    with _explained(hub, None):
        commit = huggingface_hub.HfApi().model_info(hub).sha
    if not commit or not COMMIT.fullmatch(commit):
        raise HubError(f"the hub gives no commit for {hub}")
    return commit


@contextmanager
def _explained(hub: str, revision: str | None) -> Iterator[None]:
    import httpx2
    from huggingface_hub import errors

    try:
        yield
    except (errors.HfHubHTTPError, errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled) as error:
        raise _reason(error, hub, revision) from None
    except (httpx2.TransportError, ConnectionError) as error:
        raise _reason(error, hub, revision) from None


def _reason(error: BaseException, hub: str, revision: str | None) -> HubError:
    import huggingface_hub
    from huggingface_hub import constants, errors, get_token

    if isinstance(error, errors.LocalEntryNotFoundError) and error.__cause__ is not None:
        error = error.__cause__  # what stopped the library from asking the hub
    page = f"{constants.ENDPOINT}/{hub}"
    if isinstance(error, errors.GatedRepoError):
        account = "the account of HF_TOKEN is not let in" if get_token() else "HF_TOKEN is not set"
        return HubError(f"{hub} is gated, and {account}; accept its terms at {page} and set HF_TOKEN to your token")
    if isinstance(error, errors.RepositoryNotFoundError):
        return HubError(
            f"the hub has no model {hub}, or only for accounts that its owner names; correct it, or HF_TOKEN"
        )
    if isinstance(error, errors.RevisionNotFoundError):
        return HubError(f"{hub} has no revision {revision}; correct it, or pin it anew: lampforge base pin")
    if isinstance(error, errors.HfHubHTTPError):
        status = error.response.status_code
        if status == 401:
            return HubError("the hub does not know HF_TOKEN; make another token, or unset it")
        return HubError(f"the hub answers {status} for {hub}: {_first_line(error)}; try again later")
    if huggingface_hub.is_offline_mode():
        return NotReachedError(_offline(hub))
    return NotReachedError(f"the hub ({constants.ENDPOINT}) is not reached for {hub}: {_first_line(error)}; try again")


def _offline(hub: str) -> str:
    return f"{hub} must be asked for at the hub, which HF_HUB_OFFLINE forbids; put HF_HUB_OFFLINE=0 before the command"


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
