"""Container registries as Azure has them: sign-in, the OCI distribution API, ACR's own additions.

Every registry listens on a port of its own (`front`), which signs callers in (`sign_in`, `tokens`),
checks what each request needs (`access`) and hands it to the storage: Debian's `docker-registry`
behind a proxy (`child`, `proxy`), or our own (`own`, `own_uploads`). Both keep the same files
(`layout`), so what is listed (`catalogue`) is read from there, and a registry that was kept by one
can be served by the other. Refuses to know Resource Manager: that is `providers.registries`.
"""

from __future__ import annotations

STORAGES = ("auto", "docker-registry", "own")
"""What can keep a registry's content; `auto` is `docker-registry` where it is installed."""
