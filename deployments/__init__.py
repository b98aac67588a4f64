"""What prefect.yaml cannot say: work pool, schedules on a fast clock, automations, Azure role."""
