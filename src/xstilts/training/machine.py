"""What the machine has: device, precision, threads."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Any


@lru_cache(maxsize=1)
def device() -> Any:
    """The device to compute on: CUDA where there is one, else the CPU."""
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def resolve_precision(wanted: str) -> str:
    """`auto` made concrete before any key is: `bf16` where the machine computes in it natively, else `fp32`.

    Cheap: it does not import torch on a CPU machine, where the processor's own flags decide.
    """
    if wanted != "auto":
        return wanted
    if has_cuda():
        import torch

        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    return "bf16" if _cpu_flags() & {"avx512_bf16", "amx_bf16", "bf16"} else "fp32"


def set_threads(count: int) -> None:
    """Compute with this many threads."""
    import torch

    if torch.get_num_threads() != count:
        torch.set_num_threads(count)


def autocast(precision: str) -> AbstractContextManager[Any]:
    """Matrix products in the precision; weights, sums and losses stay in fp32."""
    import torch

    return torch.autocast(device().type, dtype=torch.bfloat16, enabled=precision == "bf16")


def has_cuda() -> bool:
    """Whether there is a CUDA device; it does not import torch."""
    from pathlib import Path

    return Path("/dev/nvidiactl").exists() or Path("/proc/driver/nvidia").exists()


@lru_cache(maxsize=1)
def _cpu_flags() -> set[str]:
    from pathlib import Path

    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return set()
    lines = (line for line in text.splitlines() if line.startswith(("flags", "Features")))
    return set(next(lines, "").split())
