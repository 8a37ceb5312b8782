"""The only door to the Hub: every request goes through here, with its retries."""

from __future__ import annotations

import dataclasses
import functools
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from hubtool.base.source import RemoteFile
from hubtool.console import SILENT, Console
from hubtool.errors import HubUnreachable, NotSignedIn, RepoNotFound
from hubtool.hub.identity import Identity
from hubtool.hub.retry import RetryPolicy
from hubtool.hub.translation import headers_of, network_errors, translate

if TYPE_CHECKING:
    from huggingface_hub import HfApi

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class RepoState:
    """A model repo at one commit, as its info says."""

    repo: str
    commit: str
    gated: str  # "", "auto", "manual"
    private: bool
    card_metadata: dict[str, Any]


class HubClient:
    """huggingface_hub's client with our retries and our errors.

    ``endpoint`` and ``token`` default to what huggingface_hub is set to.
    """

    def __init__(
        self,
        *,
        endpoint: str | None = None,
        token: str | None = None,
        console: Console = SILENT,
        retry: RetryPolicy | None = None,
    ) -> None:
        self._endpoint = endpoint.rstrip("/") if endpoint else None
        self._token = token
        self._console = console
        self._retry = retry or RetryPolicy.from_environment()
        self._signed_in = False  # as a trusted publisher, whose token is renewed as it expires

    @functools.cached_property
    def api(self) -> HfApi:
        """The real client; use it inside :meth:`call`."""
        from huggingface_hub import HfApi
        from huggingface_hub.utils import disable_progress_bars, logging

        disable_progress_bars()
        logging.set_verbosity_error()
        warnings.filterwarnings("ignore", "Warnings while validating metadata", UserWarning)
        return HfApi(endpoint=self._endpoint, token=self._token, library_name="hubtool")

    @property
    def endpoint(self) -> str:
        """Address of the Hub, without a slash at its end."""
        return str(self.api.endpoint)

    # --- the border ----------------------------------------------------------

    def call(self, what: str, function: Callable[[], T]) -> T:
        """The result of ``function``, tried again on network errors, 408, 409, 429 and 5xx.

        ``what`` completes "could not ...". Raises children of HubtoolError only.
        """
        from hubtool.hub.trusted import keep_token

        started = self._retry.clock()
        attempt = 1
        while True:
            try:
                if self._signed_in:
                    keep_token()
                return function()
            except network_errors() as error:
                problem = translate(error, what, self.endpoint)
                if not isinstance(problem, HubUnreachable):
                    raise problem from error
                wait = self._retry.wait_before(attempt + 1, headers_of(error))
                waited = self._retry.clock() - started + wait
                patience = self._retry.patience_for(error)
                if attempt >= self._retry.attempts or waited > patience:
                    raise problem from error
                self._console.note(f"  {problem.message}; trying again in {wait:.0f} s")
            self._retry.sleep(wait)
            attempt += 1

    # --- who, and what may they ---------------------------------------------

    @functools.cached_property
    def identity(self) -> Identity:
        """Who we are on this Hub; asked once. Raises NotSignedIn."""
        from huggingface_hub.errors import LocalTokenNotFoundError

        try:
            answer = self.call("ask who the token belongs to", self.api.whoami)
        except LocalTokenNotFoundError as error:
            raise NotSignedIn(
                f"no token for {self.endpoint}", "run `hf auth login`, or set HF_TOKEN"
            ) from error
        return Identity.of_answer(answer)

    def require_write(self, repo: str) -> None:
        """Raise NotSignedIn or NoWritePermission unless this token may publish to ``repo``.

        A trusted publisher has no name to ask for: see :mod:`hubtool.hub.trusted`.
        """
        from hubtool.hub.trusted import publisher_repo, sign_in

        if self._token is None and publisher_repo() is not None:
            sign_in(self, repo)
            self._signed_in = True
            self._require_write_to(repo)
            return
        me, org = self.identity, repo.split("/")[0]
        me.require_role(org)
        if not me.owns(org) and self.head(repo) is not None:
            self._require_write_to(repo)

    def _require_write_to(self, repo: str) -> None:
        self.call(
            f"get permission to write to {repo}", lambda: self.api.auth_check(repo, write=True)
        )

    # --- reading ----------------------------------------------------------------

    def resolve_revision(self, repo: str, revision: str | None = None) -> RepoState:
        """The repo at a branch, tag or commit (default: main). Raises RepoNotFound."""
        info = self.call(
            f"read {repo}" + (f" at {revision}" if revision else ""),
            lambda: self.api.model_info(repo, revision=revision),
        )
        card = info.card_data.to_dict() if info.card_data else {}
        return RepoState(
            repo=info.id,
            commit=str(info.sha),
            gated=info.gated or "",
            private=bool(info.private),
            card_metadata=card,
        )

    def head(self, repo: str) -> str | None:
        """The commit that main is at; None if the repo does not exist."""
        try:
            return self.resolve_revision(repo).commit
        except RepoNotFound:
            return None

    def list_files(self, repo: str, revision: str) -> tuple[RemoteFile, ...]:
        """Every file of a revision, by path."""
        from huggingface_hub.hf_api import RepoFile

        def read() -> list[RemoteFile]:
            entries = self.api.list_repo_tree(repo, revision=revision, recursive=True)
            return [
                RemoteFile(
                    path=entry.path,
                    size_bytes=entry.size,
                    etag=entry.lfs.sha256 if entry.lfs else entry.blob_id,
                    is_lfs=entry.lfs is not None,
                )
                for entry in entries
                if isinstance(entry, RepoFile)
            ]

        return tuple(sorted(self.call(f"list {repo}", read), key=lambda file: file.path))

    def read_bytes(self, repo: str, path: str, revision: str) -> bytes | None:
        """A small file's content; None if the revision has no such file."""
        from huggingface_hub.errors import EntryNotFoundError

        def read() -> bytes | None:
            try:
                return bytes(self._get(repo, path, revision, {}).content)
            except EntryNotFoundError:
                return None

        return self.call(f"read {path} of {repo}", read)

    def read_text(self, repo: str, path: str, revision: str) -> str | None:
        """As :meth:`read_bytes`, decoded from UTF-8 (damaged bytes become U+FFFD)."""
        content = self.read_bytes(repo, path, revision)
        return None if content is None else content.decode("utf-8", errors="replace")

    def read_range(self, repo: str, path: str, revision: str, start: int, length: int) -> bytes:
        """``length`` bytes of a file from ``start``, by one HTTP range request.

        Raises RepoNotFound if the revision has no such file.
        """
        return bytes(self._get_span(repo, path, revision, start, length).content)

    def read_start(self, repo: str, path: str, revision: str, length: int) -> tuple[bytes, int]:
        """The first ``length`` bytes of a file and its size, as :meth:`read_range`."""
        answer = self._get_span(repo, path, revision, 0, length)
        total = answer.headers.get("Content-Range", "").rpartition("/")[2]
        return bytes(answer.content), int(total) if total.isdigit() else len(answer.content)

    def model_row(self, repo: str, fields: Sequence[str]) -> Any:
        """The named fields of one model, as the client's ``ModelInfo``. Raises RepoNotFound."""
        return self.call(f"read {repo}", lambda: self.api.model_info(repo, expand=list(fields)))  # type: ignore[arg-type]

    def models_of(self, org: str, fields: Sequence[str]) -> Iterator[Any]:
        """Every model of an organisation with the named fields, page by page; the client retries.

        Raises as :meth:`call` does.
        """
        rows = iter(self.api.list_models(author=org, expand=list(fields)))  # type: ignore[arg-type]
        while True:
            try:
                row = next(rows)
            except StopIteration:
                return
            except network_errors() as error:
                raise translate(error, f"list the models of {org}", self.endpoint) from error
            yield row

    def validate_card(self, text: str) -> tuple[str, ...]:
        """What the Hub's own validator refuses in a card's front matter; empty if it takes it."""
        from huggingface_hub.utils import get_session, hf_raise_for_status

        def ask() -> tuple[str, ...]:
            answer = get_session().post(
                f"{self.endpoint}/api/validate-yaml",
                json={"repoType": "model", "content": text},
                headers=self.headers(),
            )
            if answer.status_code == 400:
                errors = answer.json().get("errors") or [{"message": "no reason given"}]
                return tuple(str(one.get("message")) for one in errors)
            hf_raise_for_status(answer)
            return ()

        return self.call("let the Hub validate the card", ask)

    def address(self, repo: str, path: str, revision: str) -> str:
        """The URL a file is downloaded from."""
        from huggingface_hub import hf_hub_url

        return str(hf_hub_url(repo, path, revision=revision, endpoint=self.endpoint))

    def headers(self) -> dict[str, str]:
        """Request headers with the token; for requests that the client has no function for."""
        from huggingface_hub.utils import build_hf_headers

        return dict(build_hf_headers(token=self._token, library_name="hubtool"))

    def _get_span(self, repo: str, path: str, revision: str, start: int, length: int) -> Any:
        from huggingface_hub.errors import EntryNotFoundError

        span = {"Range": f"bytes={start}-{start + length - 1}"}
        try:
            return self.call(
                f"read {path} of {repo}", lambda: self._get(repo, path, revision, span)
            )
        except EntryNotFoundError as error:
            raise RepoNotFound(
                f"could not read {path} of {repo}: the Hub says that it is not there (404)",
                "look at the repo's page, then run the same command again",
            ) from error

    def _get(self, repo: str, path: str, revision: str, headers: dict[str, str]) -> Any:
        from huggingface_hub.utils import get_session, hf_raise_for_status

        response = get_session().get(
            self.address(repo, path, revision),
            headers={**self.headers(), **headers},
            follow_redirects=True,
        )
        hf_raise_for_status(response)
        return response
