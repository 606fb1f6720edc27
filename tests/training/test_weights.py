"""The long vectors against the plain way: an optimiser that holds every weight by itself."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from xstilts.training.weights import Weights

RATES = {"encoder": (1e-2, 0.1), "head": (5e-2, 0.0)}


class Model(torch.nn.Module):
    """An encoder, which may be shared, a head, and a layer that no loss reaches."""

    def __init__(self, encoder: torch.nn.Module) -> None:
        super().__init__()
        self.encoder, self.head, self.unused = encoder, torch.nn.Linear(6, 3), torch.nn.Linear(6, 2)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.head(self.encoder(inputs).tanh())


def models() -> dict[str, Any]:
    torch.manual_seed(0)
    encoder = torch.nn.Linear(5, 6)
    return {"a": Model(encoder), "b": Model(encoder)}


def kind(made: dict[str, Any], weight: torch.nn.Parameter) -> tuple[float, float]:
    encoder = {id(one) for one in made["a"].encoder.parameters()}
    return RATES["encoder" if id(weight) in encoder else "head"]


def reached(made: dict[str, Any]) -> dict[str, frozenset[int]]:
    return {
        task: frozenset(id(one) for part in (model.encoder, model.head) for one in part.parameters())
        for task, model in made.items()
    }


def backward(model: Any, seed: int, dtype: torch.dtype = torch.float32) -> None:
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(8, 5, generator=generator).to(dtype)
    loss = torch.nn.functional.cross_entropy(model(inputs).float(), torch.arange(8) % 3)
    loss.backward()


TURNS = "aabbbaab"


def plainly() -> dict[str, Any]:
    made = models()
    groups = []
    for name in ("encoder", "head"):
        rate, decay = RATES[name]
        parts = {id(one): one for model in made.values() for one in getattr(model, name).parameters()}
        groups.append({"params": list(parts.values()), "lr": rate, "weight_decay": decay})
    optimizer = torch.optim.AdamW(groups)
    for update, task in enumerate(TURNS):
        backward(made[task], update)
        optimizer.step()
        optimizer.zero_grad()
    return made


def in_strips(precision: str) -> tuple[dict[str, Any], Weights]:
    made = models()
    weights = Weights(made, reached(made), lambda weight: kind(made, weight), precision)
    optimizer = torch.optim.AdamW(weights.groups, fused=True)
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    for update, task in enumerate(TURNS):
        backward(made[task], update, dtype)
        weights.add_gradients(task)
        weights.take_gradients(task)
        optimizer.step()
        weights.lower()
        if update == 3:  # what is looked at in between must not change what follows
            weights.restore()
            weights.lower()
    weights.restore()
    return made, weights


@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 1e-6), ("bf16", 2e-2)])
def test_an_update_is_that_of_an_optimiser_of_single_weights(precision: str, tolerance: float) -> None:
    wanted, (found, _) = plainly(), in_strips(precision)
    for task in wanted:
        for (name, weight), other in zip(
            found[task].named_parameters(), wanted[task].parameters(), strict=True
        ):
            assert weight.dtype == torch.float32 and weight.shape == other.shape
            assert torch.allclose(weight, other, atol=tolerance), (task, name)


def test_what_no_loss_reaches_stays_as_it_is() -> None:
    found, _ = in_strips("bf16")
    for task, model in models().items():
        for weight, other in zip(found[task].unused.parameters(), model.unused.parameters(), strict=True):
            assert weight.equal(other)


def test_weights_of_one_kind_and_owner_are_one_vector() -> None:
    _, weights = in_strips("bf16")
    assert sorted((len(strip.weights), *sorted(strip.tasks)) for strip in weights.strips) == [
        (2, "a"),
        (2, "a", "b"),
        (2, "b"),
    ]
    assert [group["params"] for group in weights.groups] == [[strip.master] for strip in weights.strips]
