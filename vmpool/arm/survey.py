"""One look at everything that makes cold starts shorter: golden images, registry, base images."""

from __future__ import annotations

from typing import Any

from vmpool.arm import prices
from vmpool.arm.clients import Cloud
from vmpool.arm.images import list_images
from vmpool.arm.oci import Registry
from vmpool.arm.registry import ContainerRegistry, find_registry, opened
from vmpool.arm.rest import at_once
from vmpool.context import base_images, docker_image_name
from vmpool.errors import VmPoolError
from vmpool.golden import Image
from vmpool.reference import Reference, parse
from vmpool.status import images_document

LATEST = "latest"


def survey_images(cloud: Cloud) -> dict[str, Any]:
    """The document of `oa-vm image-list --json`.

    Base images that can't be asked are taken to be what they were; that is said in it.

    Raises:
        VmPoolError: Azure could not be asked for the golden images.
    """
    answers: list[Any] = at_once(
        [
            lambda: list_images(cloud),
            lambda: base_digests(cloud),
            lambda: registry_document(cloud),
        ]
    )
    images: tuple[Image, ...] = answers[0]
    bases: dict[str, str] = answers[1]
    regions = sorted({image.region for image in images})
    rates = {region: prices.rates(cloud, region, cloud.settings.sizes) for region in regions}
    docker_image = docker_image_name(cloud.settings)
    document = images_document(images, docker_image, bases, rates, cloud.clock.now())
    return {**document, "registry": answers[2]}


def base_digests(cloud: Cloud) -> dict[str, str]:
    """Digests of the base images now, by their labels; what can't be asked is left out.

    Raises:
        UsageError: one of them is no Docker image name.
    """
    bases = base_images(cloud.settings)
    found = at_once([lambda each=each: _digest(cloud, each) for each in bases.values()])  # type: ignore[misc] # mypy knows no defaults of a lambda
    return {label: digest for label, digest in zip(bases, found, strict=True) if digest}


def _digest(cloud: Cloud, image: Reference) -> str:
    if image.digest:
        return image.digest
    try:
        with Registry(cloud, image.host) as registry:
            return registry.digest(image)
    except VmPoolError:
        return ""


def in_registry(registry: ContainerRegistry, docker_image: str) -> Reference:
    """The name that an image of ours has in the registry."""
    own = parse(docker_image)
    return Reference(registry.login_server, own.repository.removeprefix("library/"), own.tag)


def registry_document(cloud: Cloud) -> dict[str, Any] | None:
    """What is in the registry of the image that we build; None without a registry."""
    try:
        registry = find_registry(cloud)
    except VmPoolError as error:
        return {"error": str(error)}
    if registry is None:
        return None
    rates = prices.rates(cloud, registry.region, cloud.settings.sizes)
    found = {"name": registry.name, "login_server": registry.login_server,
             "region": registry.region, "usd_per_day": rates.registry_per_day}  # fmt: skip
    if not registry.is_usable:
        return {**found, "error": f"it is {registry.state}"}
    wanted = in_registry(registry, docker_image_name(cloud.settings))
    try:
        with opened(cloud, registry) as contents:
            digest = contents.digest(wanted)
            latest = contents.digest(Reference(wanted.host, wanted.repository, LATEST))
    except VmPoolError as error:
        return {**found, "error": str(error)}
    return {
        **found,
        "image": f"{wanted.repository}:{wanted.tag}",
        "digest": digest or None,
        "latest_digest": latest or None,
    }
