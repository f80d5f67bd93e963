"""One client for each remote service, with the Protocol of the manager it stands for."""
