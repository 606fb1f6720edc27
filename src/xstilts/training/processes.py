"""Several processes that train together, as `accelerate launch` (GPUs) or `torchrun` (CPUs) starts them.

Each process computes its share of every batch and all add up their gradients, so that the result is that of one process
with the same batches, up to rounding (and up to random numbers where there is dropout). Predictions, scores and the
answer are made by the leading process, while the others wait.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import torch

Item = TypeVar("Item")


@dataclass(frozen=True)
class Processes:
    """How many processes there are, and which this one is; `state` is accelerate's, None for a process by itself."""

    count: int = 1
    place: int = 0
    state: Any = None

    @property
    def leads(self) -> bool:
        """Whether this process writes and prints."""
        return self.place == 0

    def share(self, items: Sequence[Item]) -> Sequence[Item]:
        """This process's part of some items; together the processes have each item once."""
        return items if self.count == 1 else items[self.place :: self.count]

    def add_up(self, *tensors: torch.Tensor) -> None:
        """Replace tensors by their sums over all processes."""
        if self.count > 1:
            import torch.distributed

            for tensor in tensors:
                torch.distributed.all_reduce(tensor)

    def in_turn(self, work: Callable[[], None], together: bool) -> None:
        """Do some work: all processes together, or the leading one while the others wait; then all have its results."""
        if together or self.leads:
            work()
        self.meet()

    def agree(self, value: Item) -> Item:
        """The leading process's value: what all go by must be the same, whatever each would have found by itself."""
        if self.count == 1:
            return value
        import torch.distributed

        values = [value]
        torch.distributed.broadcast_object_list(values, src=0)
        return values[0]

    def meet(self) -> None:
        """Wait until all processes are here."""
        if self.count > 1:
            self.state.wait_for_everyone()


@lru_cache(maxsize=1)
def processes() -> Processes:
    """The processes that this one was started with."""
    if int(os.environ.get("WORLD_SIZE", "1")) < 2:
        return Processes()
    from datetime import timedelta

    from accelerate import PartialState

    from xstilts.training.machine import device

    # those that wait for long predictions must not give up
    state = PartialState(cpu=device().type == "cpu", timeout=timedelta(days=30))
    if state.num_processes != int(os.environ["WORLD_SIZE"]):  # a fault of accelerate's or ours
        raise RuntimeError(
            f"WORLD_SIZE is {os.environ['WORLD_SIZE']}, but accelerate counts {state.num_processes}"
        )
    return Processes(state.num_processes, state.process_index, state)
