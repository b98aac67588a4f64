"""Simulated guests: SSH servers that behave like Ubuntu hosts with cloud-init, Docker and Windows.

They run programs of a table, never the host's shell, and touch nothing outside their disk folders.
"""

from local_azure.guests.simulated.host import SimulatedGuests

__all__ = ["SimulatedGuests"]
