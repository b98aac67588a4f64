"""Guests: what is inside the VMs of a local Azure."""
