from __future__ import annotations

import torch

from xstilts.training.loop import ADAM_EPSILON, GRADIENT_NORM, _step_clipped


def test_a_clipped_step_is_that_of_clipped_gradients() -> None:
    torch.manual_seed(0)
    start = [torch.randn(50), torch.randn(7)]
    ours, plain = ([torch.nn.Parameter(one.clone()) for one in start] for _ in range(2))
    optimizers = [
        torch.optim.AdamW(weights, lr=0.1, eps=ADAM_EPSILON, fused=True) for weights in (ours, plain)
    ]
    for size in (0.001, 30.0, 0.1, 2.0):
        gradients = [size * torch.randn_like(one) for one in start]
        for weights in (ours, plain):
            for weight, gradient in zip(weights, gradients, strict=True):
                weight.grad = gradient.clone()
        _step_clipped(optimizers[0], [weight.grad for weight in ours])
        torch.nn.utils.clip_grad_norm_(plain, GRADIENT_NORM)
        optimizers[1].step()
    for weight, other in zip(ours, plain, strict=True):
        assert torch.allclose(weight, other, atol=1e-6)
