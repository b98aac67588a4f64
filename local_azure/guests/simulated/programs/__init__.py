"""Programs of a simulated Ubuntu host, one table: name -> coroutine.

A program that is not in the table does not exist: exit 127.
"""
