"""ACR's own data plane beside the distribution API: `/acr/v1/...`, and every list with its pages.

What `az acr repository` asks: repositories, tags and manifests with times and sizes, deletion of a
tag or of a whole repository. `/v2/_catalog` and `/v2/NAME/tags/list` are answered here too.
Attributes cannot be changed: everything may be read, written, listed and deleted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from local_azure.moments import iso
from local_azure.registries import catalogue
from local_azure.registries.access import READS, Target
from local_azure.registries.catalogue import Manifest, Tag
from local_azure.registries.layout import DIGEST, Layout
from local_azure.registries.oci_errors import OciError

PAGE = 100
"""Items on a page when the caller names no number, as ACR."""
ATTRIBUTES = {
    "deleteEnabled": True,
    "writeEnabled": True,
    "readEnabled": True,
    "listEnabled": True,
}
Item = TypeVar("Item")


class AcrApi:
    """The lists of one registry.

    Args:
        layout: where its files are.
        service: login server.
    """

    def __init__(self, layout: Layout, service: str) -> None:
        self._layout, self._service = layout, service

    def handle(self, request: Request, target: Target) -> Response:
        """Answer a request that was found to be allowed.

        Raises:
            OciError: it cannot be done.
        """
        if target.kind in ("catalog", "acr-catalog"):
            return self._catalog(request)
        if not catalogue.has_manifests(self._layout, target.name):
            raise OciError("NAME_UNKNOWN", {"name": target.name})
        if request.method == "DELETE":
            return self._delete(target)
        if request.method not in READS:
            raise OciError("UNSUPPORTED")
        show = {
            "tags": self._plain_tags,
            "acr-repository": self._repository,
            "acr-tags": self._tags,
            "acr-tag": self._tag,
            "acr-manifests": self._manifests,
            "acr-manifest": self._manifest,
        }[target.kind]
        return show(request, target)

    def _catalog(self, request: Request) -> Response:
        names = catalogue.repositories(self._layout)
        shown, headers = _page(request, names, lambda name: name, lambda _name: 0.0)
        return JSONResponse({"repositories": shown}, headers=headers)

    def _plain_tags(self, request: Request, target: Target) -> Response:
        names = [tag.name for tag in catalogue.tags(self._layout, target.name)]
        shown, headers = _page(request, names, lambda name: name, lambda _name: 0.0)
        return JSONResponse({"name": target.name, "tags": shown}, headers=headers)

    def _repository(self, _request: Request, target: Target) -> Response:
        tags = catalogue.tags(self._layout, target.name)
        manifests = catalogue.manifests(self._layout, target.name)
        created = [each.created for each in manifests]
        updated = created + [each.updated for each in tags]
        return JSONResponse(
            self._document(
                target,
                createdTime=iso(min(created)),
                lastUpdateTime=iso(max(updated)),
                manifestCount=len(manifests),
                tagCount=len(tags),
                changeableAttributes=ATTRIBUTES | {"teleportEnabled": False},
            )
        )

    def _tags(self, request: Request, target: Target) -> Response:
        digest = request.query_params.get("digest")
        tags = [t for t in catalogue.tags(self._layout, target.name) if digest in (None, t.digest)]
        shown, headers = _page(request, tags, lambda tag: tag.name, lambda tag: tag.updated)
        body = self._document(target, tags=[_show_tag(tag) for tag in shown])
        return JSONResponse(body, headers=headers)

    def _tag(self, _request: Request, target: Target) -> Response:
        tag = catalogue.find_tag(self._layout, target.name, target.reference)
        if tag is None:
            raise OciError("TAG_UNKNOWN", {"name": target.name, "tag": target.reference})
        return JSONResponse(self._document(target, tag=_show_tag(tag)))

    def _manifests(self, request: Request, target: Target) -> Response:
        found = catalogue.manifests(self._layout, target.name)
        shown, headers = _page(request, found, lambda each: each.digest, lambda each: each.created)
        tags = catalogue.tags(self._layout, target.name)
        body = self._document(target, manifests=[_show_manifest(each, tags) for each in shown])
        return JSONResponse(body, headers=headers)

    def _manifest(self, _request: Request, target: Target) -> Response:
        found = catalogue.find_manifest(self._layout, target.name, target.reference)
        if found is None:
            raise OciError("MANIFEST_UNKNOWN", {"name": target.name, "digest": target.reference})
        tags = catalogue.tags(self._layout, target.name)
        return JSONResponse(self._document(target, manifest=_show_manifest(found, tags)))

    def _delete(self, target: Target) -> Response:
        if target.kind == "acr-tag":
            if catalogue.find_tag(self._layout, target.name, target.reference) is None:
                raise OciError("TAG_UNKNOWN", {"name": target.name, "tag": target.reference})
            catalogue.untag(self._layout, target.name, target.reference)
            return Response(b"", 202)
        if target.kind != "acr-repository":
            raise OciError("UNSUPPORTED")
        gone = {
            "manifestsDeleted": [m.digest for m in catalogue.manifests(self._layout, target.name)],
            "tagsDeleted": [tag.name for tag in catalogue.tags(self._layout, target.name)],
        }
        catalogue.remove_repository(self._layout, target.name)
        return JSONResponse(gone, 202)

    def _document(self, target: Target, **fields: Any) -> dict[str, Any]:
        return {"registry": self._service, "imageName": target.name, **fields}


def _page(
    request: Request,
    items: list[Item],
    name_of: Callable[[Item], str],
    time_of: Callable[[Item], float],
) -> tuple[list[Item], dict[str, str]]:
    """The items of a page (`n`, `last`, `orderby`) and the header that leads to the next."""
    query = request.query_params
    order = query.get("orderby", "")
    if order in ("timeasc", "timedesc"):
        items = sorted(items, key=time_of, reverse=order == "timedesc")
    names = [name_of(item) for item in items]
    last = query.get("last", "")
    if last in names:
        items = items[names.index(last) + 1 :]
    elif last:
        items = [item for item in items if name_of(item) > last]
    text = query.get("n", "")
    if text and not text.isdigit():
        raise OciError("PAGINATION_NUMBER_INVALID", {"n": text}, 400, "invalid number of results")
    size = int(text) if text else PAGE
    shown = items[:size]
    if len(items) <= size or not shown:
        return shown, {}
    rest = {"last": name_of(shown[-1]), "n": str(size), "orderby": order, **_kept(query)}
    link = "&".join(f"{key}={quote(value, safe='')}" for key, value in rest.items() if value)
    return shown, {"Link": f'<{request.url.path}?{link}>; rel="next"'}


def _kept(query: Any) -> dict[str, str]:
    digest = query.get("digest", "")
    return {"digest": digest} if DIGEST.fullmatch(digest) else {}


def _show_tag(tag: Tag) -> dict[str, Any]:
    return {
        "name": tag.name,
        "digest": tag.digest,
        "createdTime": iso(tag.created),
        "lastUpdateTime": iso(tag.updated),
        "signed": False,
        "changeableAttributes": ATTRIBUTES,
    }


def _show_manifest(manifest: Manifest, tags: list[Tag]) -> dict[str, Any]:
    document: dict[str, Any] = {
        "digest": manifest.digest,
        "imageSize": manifest.image_size,
        "createdTime": iso(manifest.created),
        "lastUpdateTime": iso(manifest.created),
        "mediaType": manifest.media_type,
        "changeableAttributes": ATTRIBUTES | {"quarantineState": "Passed"},
    }
    if config := manifest.document.get("config"):
        document["configMediaType"] = config.get("mediaType", "")
    if own := [tag.name for tag in tags if tag.digest == manifest.digest]:
        document["tags"] = own
    return document
