"""The embedded Azure: a server on 127.0.0.1 that speaks Resource Manager's wire protocol."""
