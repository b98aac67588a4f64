"""The domain: pools of VMs, on Azure, brought to ready. Imports no Prefect."""
