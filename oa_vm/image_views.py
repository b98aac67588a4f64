"""What the `image-*` commands show: golden images, and the Docker image in the registry."""

from __future__ import annotations

from typing import Any

from oa_vm.output import out, print_json, styled, table


def print_push(images: dict[str, Any], *, as_json: bool) -> None:
    """What `image-push` would do.

    Args:
        images: the document of `image-list`.
        as_json: as one JSON document.
    """
    registry = images["registry"]
    if as_json:
        print_json({"docker_image": images["docker_image"], "registry": registry})
        return
    where = f"registry {registry['name']}" if registry else "a new registry (0.17 USD/day)"
    has = " It is there already." if registry and registry.get("digest") else ""
    out.print(f"{images['docker_image']} would go into {where}.{has}")


def print_pull(images: dict[str, Any], pool: str, *, as_json: bool) -> None:
    """What `image-pull` would do.

    Args:
        images: the document of `image-list`.
        pool: pool name.
        as_json: as one JSON document.
    """
    registry = images["registry"] or {}
    if as_json:
        print_json({"docker_image": images["docker_image"], "registry": images["registry"]})
    elif registry.get("digest"):
        out.print(
            f"{images['docker_image']} would be pulled from {registry['name']} onto every running "
            f"worker of {pool} that lacks it."
        )
    else:
        out.print(f"No registry has {images['docker_image']}: oa-vm image-push brings it there.")


def print_images(listed: dict[str, Any], *, as_json: bool) -> None:
    """Golden images, what has changed since, and where the Docker image is.

    Args:
        listed: the document of `image-list`.
        as_json: as it is.
    """
    if as_json:
        print_json(listed)
        return
    if listed["images"]:
        cells = [_cells(image) for image in listed["images"]]
        out.print(table("", cells, numeric=("age", "boot", "USD/mo")))
        made_of = [_made_of(image) for image in listed["images"]]
        out.print(table("", made_of, numeric=("GB",)))
    else:
        out.print("There are no golden images; make one with: oa-vm image-create")
    for image in listed["images"]:
        for change in image["changed"]:
            out.print(f"{image['name']}: since its bake has changed: {change}")
    _print_docker_image(listed)


def _print_docker_image(listed: dict[str, Any]) -> None:
    """What the Docker image is made of, and whether the registry has it."""
    names = (("base_digest", "client"), ("windows_digest", "Windows"))
    made_of = [f"{name} {_short(listed[key])}" for key, name in names]
    out.print(f"Docker image {listed['docker_image']}: {', '.join(made_of)}")
    registry = listed["registry"]
    if registry is None:
        out.print("No registry: each new VM builds it. oa-vm image-push makes one.")
    elif registry.get("error"):
        out.print(f"Registry: unknown, {registry['error']}")
    else:
        has = f"has it as {_short(registry['digest'])}" if registry["digest"] else "lacks it"
        day = registry["usd_per_day"]
        out.print(
            f"Registry {registry['name']} in {registry['region']} {has}; "
            f"it costs {'?' if day is None else f'{day:.2f}'} USD a day"
        )


def _short(digest: str | None) -> str:
    return digest.removeprefix("sha256:")[:12] if digest else "unknown"


def _made_of(image: dict[str, Any]) -> dict[str, str]:
    return {
        "image": image["name"],
        "GB": str(image["size_gb"]),
        "client": _short(image["base_digest"]),
        "Windows": _short(image["windows_digest"]),
        "baked from": image["source"],
    }


def _cells(image: dict[str, Any]) -> dict[str, str]:
    boot = image["boot_seconds"]
    return {
        "image": image["name"],
        "state": styled(image["state"]) + ("\n[yellow]stale[/]" if image["is_stale"] else ""),
        "age": f"{image['age_days']:.0f} d",
        "kept in": " ".join([image["kind"], *image["regions"]]),
        "win": "yes" if image["windows"] else "no",
        "boot": "-" if boot is None else f"{boot / 60:.1f} min",
        "USD/mo": "?" if image["usd_per_month"] is None else f"{image['usd_per_month']:.2f}",
    }
