"""docker commands on the images that are there: build, images, tag, rmi."""

from __future__ import annotations

from local_azure.guests.simulated.docker import formats, images, views
from local_azure.guests.simulated.docker.build import Build, Recipe
from local_azure.guests.simulated.files import normalise
from local_azure.guests.simulated.programs.options import grammar
from local_azure.guests.simulated.running import ProgramError, Run

BUILD = grammar(
    "-q --quiet --no-cache --pull --rm --load --force-rm",
    "-t --tag -f --file --build-arg --progress --platform --label --target --cache-from --network",
    code=125,
)
LIST = grammar("-a -q --quiet --no-trunc --digests --all", "--format -f --filter", code=125)
REMOVE = grammar("-f --force", code=125)
COLUMNS = {"REPOSITORY": "Repository", "TAG": "Tag", "IMAGE ID": "ID", "CREATED": "CreatedSince",
           "SIZE": "Size"}  # fmt: skip


async def build(run: Run) -> int:
    """`docker build [-t TAG] [-f FILE] [--build-arg A=B] [--label K=V] FOLDER`."""
    options = BUILD.parse("docker build", run.arguments)
    images.need(options.rest, "docker buildx build", 1)
    context = run.path(options.rest[0])
    if not run.guest.files.host(context).is_dir():
        raise ProgramError(
            f'ERROR: failed to build: unable to prepare context: path "{options.rest[0]}" not found'
        )
    if options.all("--target"):
        raise ProgramError("docker build: --target is not modelled in a simulated guest")
    given = options.last("-f", "--file")
    recipe = Recipe(
        context=context,
        dockerfile=run.path(given) if given else normalise("Dockerfile", context),
        tags=[images.read_reference(tag).full for tag in options.all("-t", "--tag")],
        arguments=_pairs(options.all("--build-arg")),
        labels=_pairs(options.all("--label")),
        is_without_cache=options.has("--no-cache"),
    )
    image = await Build(run, recipe).make()
    if options.has("-q", "--quiet"):
        run.say(image.id)
    return 0


def _pairs(items: list[str]) -> dict[str, str]:
    return {name: value for name, _, value in (item.partition("=") for item in items)}


async def list_images(run: Run) -> int:
    """`docker images [-q] [--format F] [NAME]`."""
    options = LIST.parse("docker images", run.arguments)
    daemon, now = run.guest.docker, run.guest.clock.now()
    rows = [row for image in daemon.engine.images.values() for row in views.image_rows(image, now)]
    for name in [*options.rest, *_references(options.all("-f", "--filter"))]:
        wanted = images.read_reference(name)
        rows = [
            row
            for row in rows
            if row["Repository"] == wanted.familiar
            and (":" not in name.rpartition("/")[2] or row["Tag"] == wanted.tag)
        ]
    if options.has("-q", "--quiet"):
        formats.show_ids(run, rows)
    else:
        formats.show(run, rows, COLUMNS, options.last("--format"))
    return 0


def _references(filters: list[str]) -> list[str]:
    found = [item.partition("=") for item in filters]
    if wrong := [key for key, _, _ in found if key != "reference"]:
        raise ProgramError(f"Error response from daemon: invalid filter '{wrong[0]}'")
    return [value for _, _, value in found]


async def tag(run: Run) -> int:
    """`docker tag SOURCE TARGET`."""
    options = grammar(code=125).parse("docker tag", run.arguments)
    images.need(options.rest, "docker tag", 2)
    daemon = run.guest.docker
    images.tag(daemon, images.get(daemon, options.rest[0]), images.read_reference(options.rest[1]))
    daemon.save()
    return 0


async def remove(run: Run) -> int:
    """`docker rmi [-f] IMAGE...`."""
    options = REMOVE.parse("docker rmi", run.arguments)
    code = 0
    for name in options.rest:
        try:
            for line in images.remove(
                run.guest.docker, name, is_forced=options.has("-f", "--force")
            ):
                run.say(line)
        except ProgramError as error:
            run.complain(str(error))
            code = 1
    return code
