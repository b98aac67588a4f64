"""Azure's refusals by example; each case quotes Azure."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ServiceRequestError,
    ServiceResponseTimeoutError,
)
from azure.core.rest import HttpRequest
from azure.core.utils import case_insensitive_dict
from azure.identity import CredentialUnavailableError

from vmpool import errors as ours
from vmpool.arm.errors import azure_code, translate, translated
from vmpool.errors import (
    CapacityError,
    CloudUnreachableError,
    CredentialsError,
    TransientError,
    VmPoolError,
)

CASES = json.loads((Path(__file__).parent / "cases" / "errors.json").read_text())
RECORDINGS = Path(__file__).parents[2] / "wire" / "recordings"
RECORDED = json.loads((RECORDINGS / "errors.json").read_text())["exchanges"]


class Answer:
    """As much of an HTTP answer as the SDK's exceptions read."""

    def __init__(self, status: int, body: Any, headers: dict[str, str]) -> None:
        self.status_code = status
        self.reason = "Reason"
        self.headers = case_insensitive_dict(headers)
        self.request = HttpRequest("GET", "https://example.invalid")
        self._text = json.dumps(body) if body is not None else ""

    def text(self) -> str:
        """The body."""
        return self._text


def refusal(status: int, body: Any = None, headers: dict[str, str] | None = None) -> Any:
    """What the SDK raises for such an answer."""
    answer: Any = Answer(status, body, headers or {})
    return HttpResponseError(response=answer)


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["case"]))
def test_a_refusal_becomes_the_error_that_decides_the_retry(case: dict[str, Any]) -> None:
    error = translate(refusal(case["status"], case.get("body"), case.get("headers")), "create x")
    assert type(error) is getattr(ours, case["error"])
    if "code" in case:
        assert isinstance(error, CapacityError)
        assert error.code == case["code"]
    if isinstance(error, TransientError):
        assert error.retry_after_seconds == case.get("wait")
    assert str(error).startswith("create x: ")
    assert "\n" not in str(error)


@pytest.mark.parametrize("exchange", RECORDED, ids=lambda item: str(item["response"]["status"]))
def test_recorded_refusals_are_told_in_one_line_with_azures_code(exchange: Any) -> None:
    answer = exchange["response"]
    error = translate(refusal(answer["status"], answer["body"]), "do it")
    found = answer["body"].get("error", answer["body"]) if answer["body"] else {}
    assert str(found.get("code", answer["status"])) in str(error)
    assert "\n" not in str(error)
    assert len(str(error)) < 600


def test_the_original_stays_chained_and_its_code_can_be_read() -> None:
    with pytest.raises(CapacityError) as caught, translated("create x"):
        raise refusal(409, {"error": {"code": "SkuNotAvailable", "message": "No."}})
    assert isinstance(caught.value.__cause__, HttpResponseError)
    assert azure_code(caught.value) == "SkuNotAvailable"
    assert pickle.loads(pickle.dumps(caught.value)).code == "SkuNotAvailable"  # noqa: S301


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (ServiceRequestError("Connection refused"), CloudUnreachableError),
        (ServiceResponseTimeoutError("Read timed out"), CloudUnreachableError),
        (ClientAuthenticationError("AADSTS7000215:\nInvalid secret"), CredentialsError),
        (CredentialUnavailableError("DefaultAzureCredential failed"), CredentialsError),
    ],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)
def test_what_is_no_answer_at_all_means_that_nothing_is_known(
    raised: Any, expected: type[Exception]
) -> None:
    error = translate(raised, "list VMs")
    assert type(error) is expected
    assert "\n" not in str(error)


CHAIN = """DefaultAzureCredential failed to retrieve a token from the included credentials.
Attempted credentials:
\tEnvironmentCredential: {}
\tAzureCliCredential: Azure CLI not found on path
To mitigate this issue, please refer to the troubleshooting guidelines here"""


@pytest.mark.parametrize(
    ("told", "kind", "words"),
    [
        (
            CHAIN.format("Environment variables are not fully configured."),
            CredentialsError,
            "no credentials for Azure were found: sign in with az login",
        ),
        (
            CHAIN.format("Authentication failed: AADSTS7000215: Invalid client secret provided."),
            CredentialsError,
            "sign-in was refused: AADSTS7000215: Invalid client secret provided.",
        ),
        (
            CHAIN.format("HTTPSConnection(host='login.microsoftonline.com'): Failed to resolve"),
            CloudUnreachableError,
            "sign-in did not answer",
        ),
    ],
)
def test_a_page_about_credentials_becomes_one_line(
    told: str, kind: type[VmPoolError], words: str
) -> None:
    error = translate(ClientAuthenticationError(told), "list VMs")
    assert type(error) is kind
    assert words in str(error)
    assert "\n" not in str(error)
