"""Our client of a VM over SSH: the only place that imports fabric."""
