"""Child processes for work on what strangers made: killed with its process, it harms nothing else."""

from adapters.processes.pool import ChildPool

__all__ = ["ChildPool"]
