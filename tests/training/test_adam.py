"""Adam is PyTorch's, to the bit, and loads no compiler."""

import pytest
import torch

from skmixmate.training import Adam


@pytest.mark.parametrize("fused", [True, False])
def test_parameters_are_those_of_pytorch(fused):
    generator = torch.Generator().manual_seed(0)
    first = torch.randn(3, 4, generator=generator)
    gradients = torch.randn(5, 3, 4, generator=generator)

    def after_steps(kind):
        parameter = torch.nn.Parameter(first.clone())
        optimizer = kind([parameter], lr=0.1, eps=1e-3, fused=fused)
        for gradient in gradients:
            parameter.grad = gradient.clone()
            optimizer.step()
        return parameter, optimizer.state[parameter]

    (ours, state), (expected, other) = after_steps(Adam), after_steps(torch.optim.Adam)
    assert torch.equal(ours, expected)
    assert not torch.equal(ours, first)
    assert state.keys() == other.keys()
    assert all(torch.equal(state[name], other[name]) for name in state)


def test_what_it_refuses_and_keeps_is_as_in_pytorch():
    parameters = [torch.nn.Parameter(torch.ones(2)) for _ in range(2)]
    optimizer = Adam(
        [{"params": parameters[:1], "lr": 0.5}, {"params": parameters[1:]}]
    )
    assert [group["lr"] for group in optimizer.param_groups] == [0.5, 1e-3]
    with pytest.raises(ValueError, match="more than one parameter group"):
        optimizer.add_param_group({"params": parameters[:1]})
    parameters[0].grad = torch.ones(2)
    with torch.enable_grad():
        optimizer.step()
    assert parameters[0].grad_fn is None
    torch.testing.assert_close(parameters[0].detach(), torch.full((2,), 0.5))
    # A schedule takes it as any other.
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.5, total_iters=1)
    optimizer.step()
    schedule.step()
    assert optimizer.param_groups[0]["lr"] == 0.25
