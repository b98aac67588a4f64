"""Container images as bytes: references, layers, manifests. Both sides of a registry use it."""
