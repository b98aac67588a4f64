"""The sign-in side: token endpoints v1 and v2, discovery documents, key set, cloud metadata.

Enough of Azure AD for confidential clients (client credentials): azure-identity, msal, `az login
--service-principal`. Every other grant is refused as Azure AD refuses it.
"""

from __future__ import annotations

import secrets
import uuid
from typing import Any

from local_azure.auth import LIFETIME_WALL_SECONDS
from local_azure.moments import plain
from local_azure.route import Routes
from local_azure.wire import Call, Reply

routes = Routes()
ANY_TENANT = ("common", "organizations")
UNTRUSTED = 400
REJECTED = 401


@routes.on("GET", "/{tenant}/v2.0/.well-known/openid-configuration")
@routes.on("GET", "/{tenant}/.well-known/openid-configuration")
def discover(call: Call) -> Reply:
    """The discovery document of a tenant."""
    tenant = call.params["tenant"]
    if not _is_ours(call, tenant):
        return _no_tenant(call, tenant)
    base = f"{call.cloud.endpoint}/{tenant}"
    version = "/v2.0" if "/v2.0/" in call.path else ""
    document = {
        "token_endpoint": f"{base}/oauth2{version}/token",
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        "jwks_uri": f"{call.cloud.endpoint}/{tenant}/discovery{version}/keys",
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["token"],
        "scopes_supported": ["openid"],
        "issuer": f"{call.cloud.endpoint}/{call.cloud.identity.tenant_id}/v2.0",
        "authorization_endpoint": f"{base}/oauth2{version}/authorize",
        "device_authorization_endpoint": f"{base}/oauth2{version}/devicecode",
        "end_session_endpoint": f"{base}/oauth2{version}/logout",
        "claims_supported": ["sub", "iss", "aud", "exp", "iat", "tid", "oid"],
        "cloud_instance_name": call.cloud.host,
    }
    return Reply(200, document)


@routes.on("GET", "/{tenant}/discovery/keys", "/{tenant}/discovery/v2.0/keys")
def keys(call: Call) -> Reply:
    """The key set that tokens are checked with."""
    return Reply(200, call.cloud.tokens.key_set())


@routes.on("GET", "/{tenant}/discovery/instance", "/common/discovery/instance")
def instance(call: Call) -> Reply:
    """Instance discovery: this authority is the only one."""
    host = call.cloud.host
    tenant = call.cloud.identity.tenant_id
    document = {
        "tenant_discovery_endpoint": (
            f"{call.cloud.endpoint}/{tenant}/v2.0/.well-known/openid-configuration"
        ),
        "api-version": "1.1",
        "metadata": [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}],
    }
    return Reply(200, document)


@routes.on("POST", "/{tenant}/oauth2/v2.0/token")
def token_v2(call: Call) -> Reply:
    """Client credentials for a scope: `<resource>/.default`."""
    form = _form(call)
    scope = next((s for s in form.get("scope", "").split() if s.endswith("/.default")), "")
    return _token(call, scope.removesuffix("/.default"), form)


@routes.on("POST", "/{tenant}/oauth2/token")
def token_v1(call: Call) -> Reply:
    """Client credentials for a resource."""
    form = _form(call)
    reply = _token(call, form.get("resource", ""), form)
    if reply.status != 200:  # noqa: PLR2004 # HTTP's own number
        return reply
    now = int(call.cloud.clock.now())
    extra = {
        "expires_on": str(now + LIFETIME_WALL_SECONDS),
        "not_before": str(now),
        "resource": form.get("resource", ""),
    }
    body = {k: str(v) for k, v in reply.body.items()} | extra
    return Reply(200, body)


@routes.on("GET", "/metadata/endpoints")
def cloud_metadata(call: Call) -> Reply:
    """What `az cloud register` reads. Suffixes name services that do not exist here."""
    endpoint = call.cloud.endpoint
    cloud = {
        "name": "LocalAzure",
        "portal": endpoint,
        "authentication": {
            "loginEndpoint": endpoint,
            "audiences": [endpoint, "https://management.azure.com/"],
            "tenant": call.cloud.identity.tenant_id,
            "identityProvider": "AAD",
        },
        "media": endpoint,
        "graphAudience": endpoint,
        "graph": endpoint,
        "batch": endpoint,
        "sqlManagement": endpoint,
        "vmImageAliasDoc": f"{endpoint}/metadata/aliases.json",
        "resourceManager": endpoint,
        "gallery": endpoint,
        "activeDirectoryDataLake": endpoint,
        "logAnalyticsResourceId": endpoint,
        "microsoftGraphResourceId": endpoint,
        "ossrdbmsResourceId": endpoint,
        "appInsightsResourceId": endpoint,
        "appServiceResourceId": endpoint,
        "attestationResourceId": endpoint,
        "synapseAnalyticsResourceId": endpoint,
        "appInsightsTelemetryChannelResourceId": endpoint,
        "suffixes": {
            "storage": "core.local.invalid",
            "keyVaultDns": "vault.local.invalid",
            "acrLoginServer": "azurecr.local.invalid",
            "sqlServerHostname": "database.local.invalid",
            "attestationEndpoint": "attest.local.invalid",
            "mhsmDns": "managedhsm.local.invalid",
            "mysqlServerEndpoint": "mysql.local.invalid",
            "postgresqlServerEndpoint": "postgres.local.invalid",
            "mariadbServerEndpoint": "mariadb.local.invalid",
            "synapseAnalytics": "synapse.local.invalid",
            "storageSyncEndpointSuffix": "afs.local.invalid",
            "azureDataLakeStoreFileSystem": "datalake.local.invalid",
            "azureDataLakeAnalyticsCatalogAndJob": "analytics.local.invalid",
        },
    }
    is_list = "2019" <= call.api_version < "2022"
    return Reply(200, [cloud] if is_list else cloud)


def _token(call: Call, audience: str, form: dict[str, str]) -> Reply:
    identity = call.cloud.identity
    tenant = call.params["tenant"]
    if not _is_ours(call, tenant):
        return _no_tenant(call, tenant)
    if form.get("grant_type") != "client_credentials":
        text = "The app needs to use a supported grant type: only client_credentials works here."
        return _refuse(call, UNTRUSTED, "unsupported_grant_type", 70003, text)
    client = form.get("client_id", "")
    if client.lower() != identity.client_id:
        text = f"Application with identifier '{client}' was not found in the directory '{tenant}'."
        return _refuse(call, UNTRUSTED, "unauthorized_client", 700016, text)
    if not secrets.compare_digest(
        form.get("client_secret", "").encode(), identity.client_secret.encode()
    ):
        text = (
            "Invalid client secret provided. Ensure the secret being sent in the request is the "
            "client secret value, not the client secret ID, for a secret added to app "
            f"'{client}'."
        )
        return _refuse(call, REJECTED, "invalid_client", 7000215, text)
    if not call.cloud.tokens.accepts_audience(audience):
        text = f"The resource principal named {audience or '(none)'} was not found in the tenant."
        return _refuse(call, UNTRUSTED, "invalid_resource", 500011, text)
    body = {
        "token_type": "Bearer",
        "expires_in": LIFETIME_WALL_SECONDS,
        "ext_expires_in": LIFETIME_WALL_SECONDS,
        "access_token": call.cloud.tokens.issue(audience),
    }
    return Reply(200, body)


def _form(call: Call) -> dict[str, str]:
    return call.content if isinstance(call.content, dict) else {}


def _is_ours(call: Call, tenant: str) -> bool:
    return tenant.lower() in (call.cloud.identity.tenant_id, *ANY_TENANT)


def _no_tenant(call: Call, tenant: str) -> Reply:
    text = (
        f"Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are "
        "signing into the correct cloud."
    )
    return _refuse(call, UNTRUSTED, "invalid_tenant", 90002, text)


def _refuse(call: Call, status: int, error: str, number: int, text: str) -> Reply:
    trace, correlation = str(uuid.uuid4()), str(uuid.uuid4())
    moment = plain(call.cloud.clock.now())
    body: dict[str, Any] = {
        "error": error,
        "error_description": (
            f"AADSTS{number}: {text} Trace ID: {trace} Correlation ID: {correlation} "
            f"Timestamp: {moment}"
        ),
        "error_codes": [number],
        "timestamp": moment,
        "trace_id": trace,
        "correlation_id": correlation,
        "error_uri": f"{call.cloud.endpoint}/error?code={number}",
    }
    return Reply(status, body)
