"""Windows Agent Arena's client as it is in its container: its benchmark, its files, its program."""
