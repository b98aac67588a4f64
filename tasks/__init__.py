"""The steps: thin `@task` wrappers around `vmpool`, each with its retry, its cache and its span."""
