"""Who gets a token, and that nothing is told without a good one."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from raw_azure import RawAzure

from local_azure.control import Status

REFUSED = {
    # what is wrong with the request -> AADSTS number and OAuth error
    "client_secret": (401, 7000215, "invalid_client"),
    "client_id": (400, 700016, "unauthorized_client"),
    "grant_type": (400, 70003, "unsupported_grant_type"),
    "scope": (400, 500011, "invalid_resource"),
}


def answer(azure: RawAzure, authorization: str | None) -> tuple[int, str, str]:
    """Status, code and challenge of a request with another Authorization header."""
    headers = {"authorization": authorization} if authorization is not None else {}
    url = f"{azure.subscription}/resourceGroups?api-version=2024-07-01"
    got = azure.http.get(url, headers=headers)
    return got.status_code, got.json()["error"]["code"], got.headers["www-authenticate"]


@pytest.mark.parametrize("field", REFUSED)
def test_sign_in_is_refused_as_azure_ad_refuses_it(still_azure: RawAzure, field: str) -> None:
    status, number, error = REFUSED[field]
    got = still_azure.sign_in(**{field: "wrong/.default"})
    assert got.status_code == status
    body = got.json()
    assert (body["error"], body["error_codes"]) == (error, [number])
    assert body["error_description"].startswith(f"AADSTS{number}: ")


def test_another_tenant_is_not_found(still_azure: RawAzure) -> None:
    got = still_azure.sign_in(tenant="00000000-0000-0000-0000-000000000000")
    assert got.status_code == 400
    assert got.json()["error_codes"] == [90002]


def test_both_token_endpoints_give_tokens_for_the_audiences_of_azures_clients(
    still_azure: RawAzure,
) -> None:
    status = still_azure.status
    for audience in (status.endpoint, "https://management.azure.com/"):
        form = {
            "grant_type": "client_credentials",
            "client_id": status.client_id,
            "client_secret": status.client_secret,
            "resource": audience,
        }
        old = still_azure.http.post(f"/{status.tenant_id}/oauth2/token", data=form).json()
        new = still_azure.sign_in(scope=f"{audience}/.default").json()
        assert int(old["expires_in"]) == new["expires_in"] == 3599
        for token in (old["access_token"], new["access_token"]):
            url = f"{still_azure.subscription}?api-version=2022-12-01"
            got = still_azure.http.get(url, headers={"authorization": f"Bearer {token}"})
            assert got.status_code == 200


def test_no_or_foreign_tokens_are_refused_in_azures_words(still_azure: RawAzure) -> None:
    good = still_azure.token()
    head, _, signature = good.split(".")
    claims = jwt.decode(good, options={"verify_signature": False})
    forged = json.dumps(claims | {"appid": "somebody"}).encode()
    forged_token = f"{head}.{base64.urlsafe_b64encode(forged).decode().rstrip('=')}.{signature}"
    foreign_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    foreign = jwt.encode(claims, foreign_key, "RS256")
    unsigned = jwt.encode(claims, None, "none")
    assert answer(still_azure, None)[:2] == (401, "AuthenticationFailed")
    assert answer(still_azure, "Basic dXNlcjpwYXNz")[:2] == (401, "AuthenticationFailed")
    for token in ("rubbish", forged_token, foreign, unsigned):
        status, code, challenge = answer(still_azure, f"Bearer {token}")
        assert (status, code) == (401, "InvalidAuthenticationToken")
        assert challenge.startswith("Bearer authorization_uri=")


def test_a_token_lives_an_hour_of_the_wall_however_far_the_clock_is_advanced(
    still_azure: RawAzure,
) -> None:
    token = still_azure.token()
    still_azure.advance(7200)
    url = f"{still_azure.subscription}?api-version=2022-12-01"
    got = still_azure.http.get(url, headers={"authorization": f"Bearer {token}"})
    assert got.status_code == 200


def test_recalled_tokens_are_refused_and_new_ones_are_good(
    fresh_azure: Callable[..., Status],
) -> None:
    azure = RawAzure(fresh_azure(speed=1.0, guests="none"))
    token = azure.token()
    azure.fault(kind="expire-tokens")
    assert answer(azure, f"Bearer {token}")[:2] == (401, "ExpiredAuthenticationToken")
    azure.headers["authorization"] = f"Bearer {azure.token()}"
    assert azure.get("/resourceGroups")["value"][0]["name"] == "waa"


def test_metadata_names_every_endpoint_that_clients_look_up(still_azure: RawAzure) -> None:
    endpoint = still_azure.status.endpoint
    old = still_azure.http.get("/metadata/endpoints?api-version=2020-06-01").json()
    new = still_azure.http.get("/metadata/endpoints?api-version=2022-09-01").json()
    assert old == [new]
    assert new["resourceManager"] == new["authentication"]["loginEndpoint"] == endpoint
    tenant = still_azure.status.tenant_id
    found = still_azure.http.get(f"/{tenant}/v2.0/.well-known/openid-configuration").json()
    assert found["token_endpoint"] == f"{endpoint}/{tenant}/oauth2/v2.0/token"
    key = still_azure.http.get(found["jwks_uri"]).json()["keys"][0]
    kid = jwt.get_unverified_header(still_azure.token())["kid"]
    public = jwt.PyJWK(key).key
    lenient = {f"verify_{name}": False for name in ("exp", "iat", "nbf")}  # the cloud's own clock
    claims = jwt.decode(still_azure.token(), public, ["RS256"], audience=endpoint, options=lenient)
    assert (key["kid"], claims["tid"]) == (kid, tenant)


def test_helpers_beside_azure_need_their_own_token(still_azure: RawAzure) -> None:
    assert still_azure.http.get("/_local/meter").status_code == 401
    wrong = {"x-local-admin": "wrong", **still_azure.headers}
    assert still_azure.http.get("/_local/meter", headers=wrong).status_code == 401
    assert still_azure.http.get("/_local/my-address").text == "127.0.0.1"
