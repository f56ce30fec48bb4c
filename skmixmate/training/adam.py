"""PyTorch's Adam, without the compiler that it loads."""

import inspect

import torch

__all__ = ["Adam"]


class Adam(torch.optim.Adam):
    """`torch.optim.Adam` in eager mode, not differentiable itself.

    Its methods are wrapped for ``torch.compile``, and load all of ``torch._dynamo``
    when they are first called: hundreds of modules in every process that fits, for
    what is not used here. The two that a fit calls are those inside the
    wrappers, with the same results to the bit.

    Examples
    --------
    >>> import torch
    >>> from skmixmate.training import Adam
    >>> parameter = torch.nn.Parameter(torch.ones(2))
    >>> optimizer = Adam([parameter], lr=0.1)
    >>> parameter.grad = torch.tensor([1.0, -1.0])
    >>> optimizer.step()
    >>> parameter.detach()
    tensor([0.9000, 1.1000])
    """

    add_param_group = inspect.unwrap(torch.optim.Adam.add_param_group)
    step = torch.no_grad()(inspect.unwrap(torch.optim.Adam.step))
