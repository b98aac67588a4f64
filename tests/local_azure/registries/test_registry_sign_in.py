"""Who gets into a registry: challenge, exchange, scoped tokens, and what they are not good for."""

from __future__ import annotations

import base64

import httpx
import pytest
from raw_azure import Group
from raw_registry import (
    API,
    TOKEN_USER,
    RawRegistry,
    create_registry,
    make_image,
    registry_path,
)

THREE_HOURS, ACCESS = 3 * 3600, 75 * 60


def basic(user: str, password: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def refused(answer: httpx.Response) -> bool:
    return answer.status_code == 401 and answer.json()["errors"][0]["code"] == "UNAUTHORIZED"


def test_the_challenge_says_where_to_get_a_token(registry: RawRegistry) -> None:
    answer = registry.http.get("/v2/")
    assert refused(answer)
    realm, service = f"https://{registry.host}/oauth2/token", registry.host
    assert answer.headers["www-authenticate"] == f'Bearer realm="{realm}",service="{service}"'


def test_the_challenge_names_the_scope(registry: RawRegistry) -> None:
    asked = {
        ("GET", "/v2/a/b/manifests/v1"): "repository:a/b:pull",
        ("POST", "/v2/a/b/blobs/uploads/"): "repository:a/b:pull,push",
        ("PUT", "/v2/a/b/manifests/v1"): "repository:a/b:pull,push",
        ("DELETE", "/v2/a/b/manifests/sha256:0"): "repository:a/b:delete",
        ("GET", "/v2/_catalog"): "registry:catalog:*",
        ("GET", "/acr/v1/a/b/_tags"): "repository:a/b:metadata_read",
    }
    for (method, path), scope in asked.items():
        answer = registry.http.request(method, path)
        assert answer.status_code == 401
        assert f'scope="{scope}"' in answer.headers["www-authenticate"]


def test_docker_signs_in_with_the_refresh_token_as_password(
    registry: RawRegistry, unique_name: str
) -> None:
    registry.push(unique_name, "v1", make_image(unique_name))
    query = {"service": registry.host, "scope": f"repository:{unique_name}:pull"}
    who = basic(TOKEN_USER, registry.refresh_token())
    answer = registry.http.get("/oauth2/token", params=query, headers=who)
    token = {"authorization": f"Bearer {answer.json()['access_token']}"}
    read = registry.http.get(f"/v2/{unique_name}/manifests/v1", headers=token)
    assert read.status_code == 200


def test_a_wrong_password_gives_no_token(registry: RawRegistry) -> None:
    for who in (basic(TOKEN_USER, "wrong"), basic("me", registry.refresh_token()), {}):
        answer = registry.http.get("/oauth2/token", params={"service": registry.host}, headers=who)
        assert refused(answer)


def test_a_token_that_azure_did_not_give_is_not_exchanged(registry: RawRegistry) -> None:
    assert refused(registry.exchange("not-a-token"))
    forged = registry.azure.token()[:-4] + "AAAA"
    assert refused(registry.exchange(forged))


def test_a_token_for_the_registries_audience_is_exchanged(registry: RawRegistry) -> None:
    scope = "https://containerregistry.azure.net/.default"
    token = registry.azure.sign_in(scope=scope).json()["access_token"]
    assert registry.exchange(token).status_code == 200
    arm = registry.azure.call(
        "GET", "/resourceGroups", headers={"authorization": f"Bearer {token}"}
    )
    assert arm.json()["error"]["code"] == "InvalidAuthenticationTokenAudience"


def test_another_tenant_or_service_is_not_exchanged(registry: RawRegistry) -> None:
    assert refused(registry.exchange(tenant="11111111-1111-1111-1111-111111111111"))
    assert registry.exchange(service="other.azurecr.io").status_code == 400
    assert registry.exchange(grant_type="magic").status_code == 400


def test_a_token_opens_only_what_it_is_for(registry: RawRegistry, unique_name: str) -> None:
    registry.push(unique_name, "v1", make_image(unique_name))
    pull = registry.bearer(f"repository:{unique_name}:pull")
    path = f"/v2/{unique_name}"
    assert registry.http.get(f"{path}/manifests/v1", headers=pull).status_code == 200
    assert registry.http.get("/v2/", headers=pull).status_code == 200
    others = [
        registry.http.post(f"{path}/blobs/uploads/", headers=pull),
        registry.http.delete(f"{path}/manifests/sha256:{'0' * 64}", headers=pull),
        registry.http.get(f"{path}x/manifests/v1", headers=pull),
        registry.http.get("/v2/_catalog", headers=pull),
        registry.http.get(f"/acr/v1/{unique_name}/_tags", headers=pull),
    ]
    for answer in others:
        assert refused(answer)
        assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]


def test_tags_are_listed_with_either_right_to_read(registry: RawRegistry, unique_name: str) -> None:
    registry.push(unique_name, "v1", make_image(unique_name))
    for action in ("pull", "metadata_read"):
        token = registry.bearer(f"repository:{unique_name}:{action}")
        answer = registry.http.get(f"/v2/{unique_name}/tags/list", headers=token)
        assert answer.json()["tags"] == ["v1"]


def test_a_refresh_token_is_no_access_token(registry: RawRegistry) -> None:
    answer = registry.http.get(
        "/v2/", headers={"authorization": f"Bearer {registry.refresh_token()}"}
    )
    assert refused(answer)


def test_an_access_token_is_no_refresh_token(registry: RawRegistry) -> None:
    token = registry.bearer("repository:x:pull")["authorization"].removeprefix("Bearer ")
    assert refused(registry.ask_token("repository:x:pull", token))


def test_a_refresh_token_lasts_three_hours(registry: RawRegistry) -> None:
    token = registry.refresh_token()
    registry.azure.advance(THREE_HOURS - 120)
    assert registry.ask_token("repository:x:pull", token).status_code == 200
    registry.azure.advance(180)
    assert refused(registry.ask_token("repository:x:pull", token))


def test_an_access_token_expires(registry: RawRegistry) -> None:
    token = registry.bearer("repository:x:pull")
    registry.azure.advance(ACCESS - 60)
    assert registry.http.get("/v2/", headers=token).status_code == 200
    registry.azure.advance(120)
    assert refused(registry.http.get("/v2/", headers=token))


def test_the_tokens_of_one_registry_open_no_other(home: Group, registry: RawRegistry) -> None:
    shown = create_registry(home, "stranger01")
    other = RawRegistry(home.azure, shown["properties"]["loginServer"])
    token = registry.bearer("repository:x:pull")
    assert refused(other.http.get("/v2/", headers=token))
    assert refused(other.ask_token("repository:x:pull", registry.refresh_token()))


def test_the_admin_user_signs_in_only_while_it_is_enabled(home: Group) -> None:
    shown = create_registry(home, "admin01", adminUserEnabled=True)
    path, azure = registry_path(home, "admin01"), home.azure
    registry = RawRegistry(azure, shown["properties"]["loginServer"])
    known = azure.call("POST", f"{path}/listCredentials", api=API).json()
    assert known["username"] == "admin01"
    passwords = [each["value"] for each in known["passwords"]]
    assert len(set(passwords)) == 2
    for password in passwords:
        answer = registry.http.get("/v2/_catalog", headers=basic("admin01", password))
        assert answer.status_code == 200
    azure.call("PATCH", path, {"properties": {"adminUserEnabled": False}}, api=API)
    assert refused(registry.http.get("/v2/_catalog", headers=basic("admin01", passwords[0])))
    off = azure.call("POST", f"{path}/listCredentials", api=API)
    assert off.status_code == 400
    assert off.json()["error"]["code"] == "UnAuthorizedForCredentialOperations"


@pytest.mark.parametrize("path", ["/", "/v1/", "/v2/x", "/acr/v2/x", "/oauth2/other"])
def test_a_path_of_nothing_is_not_found(registry: RawRegistry, path: str) -> None:
    answer = registry.http.get(path)
    assert answer.status_code == 404
    assert answer.json()["errors"][0]["code"] == "NOT_FOUND"
