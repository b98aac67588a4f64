"""docker commands on images: pull, build, images, tag, rmi, push, login, logout."""

from __future__ import annotations

import json

from local_azure.guests.simulated.docker import credentials, images, templates, views
from local_azure.guests.simulated.docker.build import Build, Recipe
from local_azure.guests.simulated.docker.registry import HOSTS, PRIVATE, digest_of
from local_azure.guests.simulated.files import normalise
from local_azure.guests.simulated.programs.options import grammar
from local_azure.guests.simulated.running import ProgramError, Run

PULL = grammar("-q --quiet -a", "--platform", code=125)
BUILD = grammar(
    "-q --quiet --no-cache --pull --rm --load --force-rm",
    "-t --tag -f --file --build-arg --progress --platform --label --target --cache-from --network",
    code=125,
)
LIST = grammar("-a -q --quiet --no-trunc --digests --all", "--format -f --filter", code=125)
REMOVE = grammar("-f --force", code=125)
LOGIN = grammar("--password-stdin", "-u --username -p --password", code=125)
PUSH = grammar("-q --quiet", code=125)
COLUMNS = {"REPOSITORY": "Repository", "TAG": "Tag", "IMAGE ID": "ID", "CREATED": "CreatedSince",
           "SIZE": "Size"}  # fmt: skip


async def pull(run: Run) -> int:
    """`docker pull [-q] IMAGE`."""
    options = PULL.parse("docker pull", run.arguments)
    _need(options.rest, "docker pull", 1)
    await images.pull(run, options.rest[0], is_quiet=options.has("-q", "--quiet"))
    return 0


async def build(run: Run) -> int:
    """`docker build [-t TAG] [-f FILE] [--build-arg A=B] FOLDER`."""
    options = BUILD.parse("docker build", run.arguments)
    _need(options.rest, "docker buildx build", 1)
    context = run.path(options.rest[0])
    if not run.guest.files.host(context).is_dir():
        raise ProgramError(
            f'ERROR: failed to build: unable to prepare context: path "{options.rest[0]}" not found'
        )
    if options.all("--target"):
        raise ProgramError("docker build: --target is not modelled in a simulated guest")
    given = options.last("-f", "--file")
    pairs = (item.partition("=") for item in options.all("--build-arg"))
    recipe = Recipe(
        context=context,
        dockerfile=run.path(given) if given else normalise("Dockerfile", context),
        tags=[images.read_reference(tag).full for tag in options.all("-t", "--tag")],
        arguments={name: value for name, _, value in pairs},
        is_without_cache=options.has("--no-cache"),
    )
    image = await Build(run, recipe).make()
    if options.has("-q", "--quiet"):
        run.say(image.id)
    return 0


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
    form = options.last("--format")
    if options.has("-q", "--quiet"):
        lines = list(dict.fromkeys(str(row["ID"]) for row in rows))
    elif form == "json":
        lines = [json.dumps(row) for row in rows]
    elif form:
        lines = [templates.render(form.removeprefix("table "), row) for row in rows]
    else:
        lines = views.table(COLUMNS, rows)
    for line in lines:
        run.say(line)
    return 0


def _references(filters: list[str]) -> list[str]:
    found = [item.partition("=") for item in filters]
    if wrong := [key for key, _, _ in found if key != "reference"]:
        raise ProgramError(f"Error response from daemon: invalid filter '{wrong[0]}'")
    return [value for _, _, value in found]


async def tag(run: Run) -> int:
    """`docker tag SOURCE TARGET`."""
    options = grammar(code=125).parse("docker tag", run.arguments)
    _need(options.rest, "docker tag", 2)
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


async def login(run: Run) -> int:
    """`docker login -u USER --password-stdin REGISTRY`; any password but an empty one is right."""
    options = LOGIN.parse("docker login", run.arguments)
    registry = (options.rest or ["docker.io"])[0]
    user = options.last("-u", "--username")
    password = options.last("-p", "--password")
    if password:
        run.complain("WARNING! Using --password via the CLI is insecure. Use --password-stdin.")
    elif options.has("--password-stdin"):
        password = (await run.read()).decode().strip()
    else:
        raise ProgramError("Error: Cannot perform an interactive login from a non TTY device")
    if registry not in HOSTS and not registry.endswith(PRIVATE):
        raise ProgramError(
            f'Error response from daemon: Get "https://{registry}/v2/": dial tcp: lookup {registry}'
            " on 127.0.0.53:53: no such host"
        )
    if not user or not password:
        raise ProgramError(
            f'Error response from daemon: Get "https://{registry}/v2/": unauthorized:'
            " authentication required"
        )
    credentials.keep(run, registry, user, password)
    run.complain(
        f"\nWARNING! Your credentials are stored unencrypted in '{credentials.path(run)}'."
    )
    run.say("Login Succeeded")
    return 0


async def logout(run: Run) -> int:
    """`docker logout [REGISTRY]`."""
    registry = (run.arguments or ["docker.io"])[0]
    if not credentials.is_known(run, registry):
        run.say(f"Not logged in to {registry}")
        return 0
    credentials.forget(run, registry)
    run.say(f"Removing login credentials for {registry}")
    return 0


async def push(run: Run) -> int:
    """`docker push IMAGE`: needs a login; kept with this engine."""
    options = PUSH.parse("docker push", run.arguments)
    _need(options.rest, "docker push", 1)
    daemon, reference = run.guest.docker, images.read_reference(options.rest[0])
    image = images.get(daemon, options.rest[0])
    run.say(f"The push refers to repository [{reference.name}]")
    if not credentials.is_known(run, reference.registry):
        raise ProgramError("denied: requested access to the resource is denied")
    clock = run.guest.clock
    await clock.sleep_until(clock.now() + run.guest.durations.docker_pull)
    digest = digest_of("manifest", image.id)
    daemon.engine.pushed[reference.full] = image.id
    name = f"{reference.name}@{digest}"
    image.digests += [name] if name not in image.digests else []
    daemon.save()
    run.say(f"{reference.tag}: digest: {digest} size: {len(image.layers) * 130 + 400}")
    return 0


def _need(words: list[str], name: str, count: int) -> None:
    if len(words) != count:
        raise ProgramError(f"{name}: requires {count} argument{'s' * (count > 1)}")
