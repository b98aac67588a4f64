"""The OCI distribution API, alike from Debian's docker-registry and from our own storage."""

from __future__ import annotations

import json

import pytest
from raw_registry import (
    DOCKER,
    OCI,
    OCI_INDEX,
    RawRegistry,
    describe,
    digest_of,
    make_image,
    with_digest,
)

BLOB = b"some content" * 1000


@pytest.mark.parametrize("media_type", [OCI, DOCKER])
def test_a_pushed_image_is_pulled_by_tag_and_by_digest(
    registry: RawRegistry, unique_name: str, media_type: str
) -> None:
    image = make_image(unique_name, media_type)
    digest = registry.push(unique_name, "v1", image)
    for reference in ("v1", digest):
        answer = registry.call(
            "GET", f"/v2/{unique_name}/manifests/{reference}", headers={"accept": media_type}
        )
        assert answer.status_code == 200
        assert answer.content == image.manifest
        assert answer.headers["content-type"] == media_type
        assert answer.headers["docker-content-digest"] == digest
    for content in (image.config, image.layer):
        answer = registry.call("GET", f"/v2/{unique_name}/blobs/{digest_of(content)}")
        assert answer.content == content


def test_head_tells_size_and_digest_without_content(
    registry: RawRegistry, unique_name: str
) -> None:
    image = make_image(unique_name)
    registry.push(unique_name, "v1", image)
    blob = f"blobs/{digest_of(image.layer)}"
    for path, content in (("manifests/v1", image.manifest), (blob, image.layer)):
        answer = registry.call("HEAD", f"/v2/{unique_name}/{path}", headers={"accept": OCI})
        assert answer.status_code == 200
        assert answer.headers["content-length"] == str(len(content))
        assert answer.headers["docker-content-digest"] == digest_of(content)
        assert answer.content == b""


def test_a_manifest_is_given_as_stored_to_whoever_names_no_type(
    registry: RawRegistry, unique_name: str
) -> None:
    image = make_image(unique_name, DOCKER)
    registry.push(unique_name, "v1", image)
    answer = registry.call("GET", f"/v2/{unique_name}/manifests/v1")
    assert (answer.headers["content-type"], answer.content) == (DOCKER, image.manifest)


def test_an_index_is_pushed_after_its_manifests(registry: RawRegistry, unique_name: str) -> None:
    image = make_image(unique_name)
    index = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": OCI_INDEX,
            "manifests": [describe(image.manifest, OCI)],
        }
    ).encode()
    before = registry.put_manifest(unique_name, "all", index, OCI_INDEX)
    assert before.json()["errors"][0]["code"] == "MANIFEST_BLOB_UNKNOWN"
    registry.push(unique_name, image.digest, image)
    assert registry.put_manifest(unique_name, "all", index, OCI_INDEX).status_code == 201
    answer = registry.call(
        "GET", f"/v2/{unique_name}/manifests/all", headers={"accept": f"{OCI}, {OCI_INDEX}"}
    )
    assert answer.headers["content-type"] == OCI_INDEX
    assert answer.content == index


def test_a_blob_is_uploaded_in_chunks(registry: RawRegistry, unique_name: str) -> None:
    headers = registry.all_of(unique_name)
    where = registry.http.post(f"/v2/{unique_name}/blobs/uploads/", headers=headers).headers
    chunks, sent = [BLOB[:5000], BLOB[5000:]], 0
    for chunk in chunks:
        span = {"content-range": f"{sent}-{sent + len(chunk) - 1}"}
        answer = registry.http.patch(where["location"], headers=headers | span, content=chunk)
        sent += len(chunk)
        where = answer.headers
        assert (answer.status_code, where["range"]) == (202, f"0-{sent - 1}")
    asked = registry.http.get(where["location"], headers=headers)
    assert (asked.status_code, asked.headers["range"]) == (204, f"0-{sent - 1}")
    done = registry.http.put(with_digest(where["location"], digest_of(BLOB)), headers=headers)
    assert done.status_code == 201
    read = registry.call("GET", f"/v2/{unique_name}/blobs/{digest_of(BLOB)}")
    assert read.content == BLOB


def test_a_stream_of_unknown_length_is_taken(registry: RawRegistry, unique_name: str) -> None:
    headers = registry.all_of(unique_name)
    begun = registry.http.post(f"/v2/{unique_name}/blobs/uploads/", headers=headers)
    pieces = [BLOB] * 300
    digest = digest_of(b"".join(pieces))
    sent = registry.http.patch(begun.headers["location"], headers=headers, content=iter(pieces))
    done = registry.http.put(with_digest(sent.headers["location"], digest), headers=headers)
    assert done.status_code == 201
    head = registry.call("HEAD", f"/v2/{unique_name}/blobs/{digest}")
    assert head.headers["content-length"] == str(300 * len(BLOB))


def test_a_part_of_a_blob_can_be_read(registry: RawRegistry, unique_name: str) -> None:
    registry.upload(unique_name, BLOB)
    answer = registry.call(
        "GET", f"/v2/{unique_name}/blobs/{digest_of(BLOB)}", headers={"range": "bytes=10-19"}
    )
    assert (answer.status_code, answer.content) == (206, BLOB[10:20])


def test_content_that_is_not_what_was_promised_is_refused(
    registry: RawRegistry, unique_name: str
) -> None:
    headers = registry.all_of(unique_name)
    begun = registry.http.post(f"/v2/{unique_name}/blobs/uploads/", headers=headers)
    wrong = with_digest(begun.headers["location"], digest_of(b"something else"))
    answer = registry.http.put(wrong, headers=headers, content=BLOB)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["code"] == "DIGEST_INVALID"
    missing = registry.call("GET", f"/v2/{unique_name}/blobs/{digest_of(b'something else')}")
    assert missing.status_code == 404


def test_an_upload_that_was_dropped_is_unknown(registry: RawRegistry, unique_name: str) -> None:
    headers = registry.all_of(unique_name)
    begun = registry.http.post(f"/v2/{unique_name}/blobs/uploads/", headers=headers)
    where = begun.headers["location"]
    assert registry.http.delete(where, headers=headers).status_code == 204
    answer = registry.http.patch(where, headers=headers, content=b"x")
    assert answer.json()["errors"][0]["code"] == "BLOB_UPLOAD_UNKNOWN"


def test_a_blob_is_mounted_from_another_repository(registry: RawRegistry, unique_name: str) -> None:
    source, target, digest = unique_name, f"{unique_name}/copy", digest_of(BLOB)
    registry.upload(source, BLOB)
    where = f"/v2/{target}/blobs/uploads/?mount={digest}&from={source}"
    answer = registry.http.post(where, headers=registry.all_of(source, target))
    assert (answer.status_code, answer.headers["docker-content-digest"]) == (201, digest)
    assert registry.call("HEAD", f"/v2/{target}/blobs/{digest}").status_code == 200


def test_a_blob_is_not_mounted_without_the_right_to_pull_it(
    registry: RawRegistry, unique_name: str
) -> None:
    source, target, digest = unique_name, f"{unique_name}/copy", digest_of(BLOB)
    registry.upload(source, BLOB)
    where = f"/v2/{target}/blobs/uploads/?mount={digest}&from={source}"
    answer = registry.http.post(where, headers=registry.all_of(target))
    assert answer.status_code == 401
    assert f"repository:{source}:pull" in answer.headers["www-authenticate"]


def test_a_blob_that_cannot_be_mounted_becomes_an_upload(
    registry: RawRegistry, unique_name: str
) -> None:
    source, target = unique_name, f"{unique_name}/copy"
    where = f"/v2/{target}/blobs/uploads/?mount={digest_of(b'nowhere')}&from={source}"
    answer = registry.http.post(where, headers=registry.all_of(source, target))
    assert answer.status_code == 202


def test_a_blob_of_one_repository_is_not_seen_in_another(
    registry: RawRegistry, unique_name: str
) -> None:
    registry.upload(unique_name, BLOB)
    answer = registry.call("GET", f"/v2/{unique_name}/other/blobs/{digest_of(BLOB)}")
    assert answer.status_code == 404
    assert answer.json()["errors"][0]["code"] == "BLOB_UNKNOWN"


def test_a_manifest_whose_blobs_are_missing_is_refused(
    registry: RawRegistry, unique_name: str
) -> None:
    image = make_image(unique_name)
    answer = registry.put_manifest(unique_name, "v1", image.manifest, OCI)
    assert answer.status_code in (400, 404)
    assert answer.json()["errors"][0]["code"] == "MANIFEST_BLOB_UNKNOWN"


def test_a_manifest_under_another_digest_is_refused(
    registry: RawRegistry, unique_name: str
) -> None:
    image = make_image(unique_name)
    registry.push(unique_name, "v1", image)
    wrong = digest_of(b"another")
    answer = registry.put_manifest(unique_name, wrong, image.manifest, OCI)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["code"] == "DIGEST_INVALID"


@pytest.mark.parametrize("content", [b"no json", b"[]"])
def test_what_is_no_manifest_is_refused(
    registry: RawRegistry, unique_name: str, content: bytes
) -> None:
    answer = registry.put_manifest(unique_name, "v1", content, OCI)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["code"] == "MANIFEST_INVALID"


def test_a_tag_moves_and_the_old_manifest_stays(registry: RawRegistry, unique_name: str) -> None:
    old = registry.push(unique_name, "latest", make_image("old"))
    new = registry.push(unique_name, "latest", make_image("new"))
    accept = {"accept": OCI}
    head = registry.call("HEAD", f"/v2/{unique_name}/manifests/latest", headers=accept)
    assert head.headers["docker-content-digest"] == new
    still = registry.call("HEAD", f"/v2/{unique_name}/manifests/{old}", headers=accept)
    assert still.status_code == 200


def test_a_manifest_is_deleted_by_digest_with_its_tags(
    registry: RawRegistry, unique_name: str
) -> None:
    gone = registry.push(unique_name, "v1", make_image("one"))
    registry.push(unique_name, "v2", make_image("two"))
    assert registry.call("DELETE", f"/v2/{unique_name}/manifests/{gone}").status_code == 202
    for reference in ("v1", gone):
        answer = registry.call(
            "GET", f"/v2/{unique_name}/manifests/{reference}", headers={"accept": OCI}
        )
        assert answer.status_code == 404
        assert answer.json()["errors"][0]["code"] == "MANIFEST_UNKNOWN"
    listed = registry.call("GET", f"/v2/{unique_name}/tags/list").json()
    assert listed == {"name": unique_name, "tags": ["v2"]}


def test_a_manifest_is_not_deleted_by_tag(registry: RawRegistry, unique_name: str) -> None:
    registry.push(unique_name, "v1", make_image("one"))
    answer = registry.call("DELETE", f"/v2/{unique_name}/manifests/v1")
    assert answer.json()["errors"][0]["code"] == "UNSUPPORTED"


def test_tags_come_in_pages(registry: RawRegistry, unique_name: str) -> None:
    image = make_image(unique_name)
    registry.push(unique_name, "a", image)
    for tag in ("b", "c", "d", "e"):
        registry.put_manifest(unique_name, tag, image.manifest, OCI)
    seen, path = [], f"/v2/{unique_name}/tags/list?n=2"
    while path:
        answer = registry.call("GET", path)
        seen.append(answer.json()["tags"])
        path = answer.links["next"]["url"] if "next" in answer.links else ""
    assert seen == [["a", "b"], ["c", "d"], ["e"]]


def test_the_catalogue_lists_repositories_in_pages(registry: RawRegistry, unique_name: str) -> None:
    names = [f"{unique_name}/{n}" for n in ("a", "b/c", "d")]
    for name in names:
        registry.push(name, "v1", make_image(name))
    first = registry.call("GET", f"/v2/_catalog?n=2&last={unique_name}")
    assert first.json()["repositories"] == names[:2]
    rest = registry.call("GET", first.links["next"]["url"])
    assert rest.json()["repositories"][0] == names[2]


def test_a_repository_without_manifests_is_none(registry: RawRegistry, unique_name: str) -> None:
    digest = registry.push(unique_name, "v1", make_image(unique_name))
    registry.call("DELETE", f"/v2/{unique_name}/manifests/{digest}")
    assert unique_name not in registry.call("GET", "/v2/_catalog").json()["repositories"]
    answer = registry.call("GET", f"/v2/{unique_name}/tags/list")
    assert answer.json()["errors"][0]["code"] == "NAME_UNKNOWN"


@pytest.mark.parametrize("name", ["Upper", "a/../b", "a//b", "-a"])
def test_a_name_that_no_repository_can_have_is_refused(registry: RawRegistry, name: str) -> None:
    headers = registry.all_of(name)
    path = f"/v2/{name}/manifests/v1".replace("..", "%2e%2e")
    answer = registry.http.get(path, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["code"] == "NAME_INVALID"


def test_every_answer_names_the_api(registry: RawRegistry, unique_name: str) -> None:
    registry.push(unique_name, "v1", make_image(unique_name))
    for path in ("tags/list", "manifests/v1", "manifests/none"):
        headers = registry.call("GET", f"/v2/{unique_name}/{path}").headers
        assert headers["docker-distribution-api-version"] == "registry/2.0"
        assert headers["x-ms-correlation-request-id"]
