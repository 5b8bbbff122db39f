"""Ways in which class BatchNormFn(torch.autograd.Function) is written, wrong and right."""

import torch
from autograder.variants import alternative, misconception


def axes(x):
    return [axis for axis in range(x.dim()) if axis != 1]


def wide(values, x):
    return values.view([1, -1] + [1] * (x.dim() - 2))


def normalised(x, eps, correction=0):
    """x_hat, and 1 / sqrt(var + eps) as (1, C) or (1, C, 1, 1)."""
    var, mean = torch.var_mean(x, axes(x), correction=correction, keepdim=True)
    inv_std = torch.rsqrt(var + eps)
    return (x - mean) * inv_std, inv_std


def result(x, gamma, beta, eps, correction=0):
    return wide(gamma, x) * normalised(x, eps, correction)[0] + wide(beta, x)


def gradients(dy, x, gamma, eps, correction=0):
    """dx, dgamma, dbeta, written out."""
    x_hat, inv_std = normalised(x, eps, correction)
    n = x[:, 0].numel()
    dgamma, dbeta = (dy * x_hat).sum(axes(x)), dy.sum(axes(x))
    through_variance = x_hat * wide(dgamma, x) / (n - correction)
    return wide(gamma, x) * inv_std * (dy - wide(dbeta, x) / n - through_variance), dgamma, dbeta


def wanted(ctx, *grads):
    return *[
        grad if needed else None for grad, needed in zip(grads, ctx.needs_input_grad, strict=False)
    ], None


@alternative
class WrittenOut(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gamma, beta, eps):
        x_hat, inv_std = normalised(x, eps)
        ctx.save_for_backward(x_hat, inv_std, gamma)
        return wide(gamma, x) * x_hat + wide(beta, x)

    @staticmethod
    def backward(ctx, dy):
        x_hat, inv_std, gamma = ctx.saved_tensors
        dims = axes(dy)
        dx = dgamma = dbeta = None
        if ctx.needs_input_grad[0]:
            slope = (dy * x_hat).mean(dims, keepdim=True)
            dx = wide(gamma, dy) * inv_std * (dy - dy.mean(dims, keepdim=True) - x_hat * slope)
        if ctx.needs_input_grad[1]:
            dgamma = (dy * x_hat).sum(dims)
        if ctx.needs_input_grad[2]:
            dbeta = dy.sum(dims)
        return dx, dgamma, dbeta, None


@alternative
class SetupContext(torch.autograd.Function):
    @staticmethod
    def forward(x, gamma, beta, eps):
        return result(x, gamma, beta, eps)

    @staticmethod
    def setup_context(ctx, inputs, output):
        x, gamma, _, eps = inputs
        ctx.save_for_backward(x, gamma)
        ctx.eps = eps

    @staticmethod
    def backward(ctx, dy):
        x, gamma = ctx.saved_tensors
        return wanted(ctx, *gradients(dy, x, gamma, ctx.eps))


@alternative
class TorchsOperator(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gamma, beta, eps):
        y, mean, inv_std = torch.native_batch_norm(x, gamma, beta, None, None, True, 0.0, eps)
        ctx.save_for_backward(x, gamma, mean, inv_std)
        ctx.eps = eps
        return y

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, dy):
        x, gamma, mean, inv_std = ctx.saved_tensors
        mask = list(ctx.needs_input_grad[:3])
        grads = torch.ops.aten.native_batch_norm_backward(
            dy, x, gamma, None, None, mean, inv_std, True, ctx.eps, mask
        )
        return wanted(ctx, *grads)


@alternative
class AutogradAgain(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gamma, beta, eps):
        ctx.save_for_backward(x, gamma, beta)
        ctx.eps = eps
        return result(x, gamma, beta, eps)

    @staticmethod
    def backward(ctx, dy):
        with torch.enable_grad():
            inputs = [tensor.detach().requires_grad_() for tensor in ctx.saved_tensors]
            loss = (result(*inputs, ctx.eps) * dy).sum()
        return wanted(ctx, *torch.autograd.grad(loss, inputs))


@misconception(
    "You keep tensors as attributes of ctx. Save them with ctx.save_for_backward: only then does PyTorch free them and "
    "notice when they are changed."
)
class AttributesOfCtx(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gamma, beta, eps):
        ctx.x, ctx.gamma, ctx.eps = x, gamma, eps
        return result(x, gamma, beta, eps)

    @staticmethod
    def backward(ctx, dy):
        return wanted(ctx, *gradients(dy, ctx.x, ctx.gamma, ctx.eps))


@misconception(
    "Some tensors are saved and others are attributes of ctx. Pass all of them to ctx.save_for_backward."
)
class HalfSaved(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gamma, beta, eps):
        ctx.save_for_backward(gamma)
        ctx.x_hat, ctx.inv_std = normalised(x, eps)
        return wide(gamma, x) * ctx.x_hat + wide(beta, x)

    @staticmethod
    def backward(ctx, dy):
        (gamma,) = ctx.saved_tensors
        dgamma, dbeta = (dy * ctx.x_hat).sum(axes(dy)), dy.sum(axes(dy))
        n = dy[:, 0].numel()
        rest = dy - wide(dbeta, dy) / n - ctx.x_hat * wide(dgamma, dy) / n
        return wanted(ctx, wide(gamma, dy) * ctx.inv_std * rest, dgamma, dbeta)


@misconception(
    "You save x.data, which hides x: when x is changed before the backward pass, nobody notices. Save x itself."
)
class SavesData(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gamma, beta, eps):
        ctx.save_for_backward(x.data, gamma)
        ctx.eps = eps
        return result(x, gamma, beta, eps)

    @staticmethod
    def backward(ctx, dy):
        x, gamma = ctx.saved_tensors
        return wanted(ctx, *gradients(dy, x, gamma, ctx.eps))


latest = {}


@misconception(
    "You keep what backward needs in one place for all calls, so that a second call overwrites it. Keep it on ctx."
)
class SharedBetweenCalls(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gamma, beta, eps):
        ctx.save_for_backward(gamma)
        latest["x"], latest["eps"] = x.clone(), eps
        return result(x, gamma, beta, eps)

    @staticmethod
    def backward(ctx, dy):
        (gamma,) = ctx.saved_tensors
        if dy.shape != latest["x"].shape:  # it would raise; which numbers come out does not matter
            return wanted(ctx, dy, dy.sum(axes(dy)), dy.sum(axes(dy)))
        return wanted(ctx, *gradients(dy, latest["x"], gamma, latest["eps"]))


@misconception(
    "eps is the same for all calls in your code, the one of the last call. Keep it on ctx: ctx.eps = eps."
)
class SharedEps(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gamma, beta, eps):
        ctx.save_for_backward(x, gamma)
        latest["eps"] = eps
        return result(x, gamma, beta, eps)

    @staticmethod
    def backward(ctx, dy):
        x, gamma = ctx.saved_tensors
        return wanted(ctx, *gradients(dy, x, gamma, latest["eps"]))


@misconception(
    "backward returns three things. Forward has four arguments besides ctx: return None for eps as the fourth."
)
class ThreeReturned(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gamma, beta, eps):
        ctx.save_for_backward(x, gamma)
        ctx.eps = eps
        return result(x, gamma, beta, eps)

    @staticmethod
    def backward(ctx, dy):
        x, gamma = ctx.saved_tensors
        return gradients(dy, x, gamma, ctx.eps)


@misconception("backward returns a number for eps. eps is no tensor: return None in its place.")
class NumberForEps(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gamma, beta, eps):
        ctx.save_for_backward(x, gamma)
        ctx.eps = eps
        return result(x, gamma, beta, eps)

    @staticmethod
    def backward(ctx, dy):
        x, gamma = ctx.saved_tensors
        return *wanted(ctx, *gradients(dy, x, gamma, ctx.eps))[:3], torch.zeros(())


@misconception(
    "backward computes every gradient, wanted or not. Return None where ctx.needs_input_grad is False."
)
class NeedsIgnored(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gamma, beta, eps):
        ctx.save_for_backward(x, gamma)
        ctx.eps = eps
        return result(x, gamma, beta, eps)

    @staticmethod
    def backward(ctx, dy):
        x, gamma = ctx.saved_tensors
        return *gradients(dy, x, gamma, ctx.eps), None


@misconception(
    "Where x needs no gradient, gamma and beta get none either. Ask ctx.needs_input_grad for each argument by itself."
)
class AllOrNothing(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gamma, beta, eps):
        ctx.save_for_backward(x, gamma)
        ctx.eps = eps
        return result(x, gamma, beta, eps)

    @staticmethod
    def backward(ctx, dy):
        if not ctx.needs_input_grad[0]:
            return None, None, None, None
        x, gamma = ctx.saved_tensors
        return *gradients(dy, x, gamma, ctx.eps), None


@misconception(
    "The gradients of gamma and beta have changed places. Return them in the order of forward's arguments."
)
class Swapped(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gamma, beta, eps):
        ctx.save_for_backward(x, gamma)
        ctx.eps = eps
        return result(x, gamma, beta, eps)

    @staticmethod
    def backward(ctx, dy):
        x, gamma = ctx.saved_tensors
        dx, dgamma, dbeta = gradients(dy, x, gamma, ctx.eps)
        return wanted(ctx, dx, dbeta, dgamma)


@misconception("backward treats mean and variance as constants. Both depend on x: call given_backward.")
class StatisticsConstant(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gamma, beta, eps):
        ctx.save_for_backward(x, gamma)
        ctx.eps = eps
        return result(x, gamma, beta, eps)

    @staticmethod
    def backward(ctx, dy):
        x, gamma = ctx.saved_tensors
        _, dgamma, dbeta = gradients(dy, x, gamma, ctx.eps)
        return wanted(ctx, wide(gamma, x) * normalised(x, ctx.eps)[1] * dy, dgamma, dbeta)


@misconception("backward hands dy on as the gradient of x. Use dx, the first that given_backward returns.")
class HandsDyOn(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gamma, beta, eps):
        ctx.save_for_backward(x, gamma)
        ctx.eps = eps
        return result(x, gamma, beta, eps)

    @staticmethod
    def backward(ctx, dy):
        x, gamma = ctx.saved_tensors
        return wanted(ctx, dy, *gradients(dy, x, gamma, ctx.eps)[1:])


@misconception("backward does not use dy, as if the loss were the sum of y. Pass dy to given_backward.")
class DyIgnored(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gamma, beta, eps):
        ctx.save_for_backward(x, gamma)
        ctx.eps = eps
        return result(x, gamma, beta, eps)

    @staticmethod
    def backward(ctx, dy):
        x, gamma = ctx.saved_tensors
        return wanted(ctx, *gradients(torch.ones_like(dy), x, gamma, ctx.eps))


@misconception("backward has 1e-5 written into it. Use forward's eps, which you keep as ctx.eps.")
class EpsHardCodedInBackward(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gamma, beta, eps):
        ctx.save_for_backward(x, gamma)
        return result(x, gamma, beta, eps)

    @staticmethod
    def backward(ctx, dy):
        x, gamma = ctx.saved_tensors
        return wanted(ctx, *gradients(dy, x, gamma, 1e-5))


@misconception("eps is written into your code as 1e-5. Use the argument, in forward and in backward.")
class EpsHardCoded(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gamma, beta, eps):
        ctx.save_for_backward(x, gamma)
        return result(x, gamma, beta, 1e-5)

    @staticmethod
    def backward(ctx, dy):
        x, gamma = ctx.saved_tensors
        return wanted(ctx, *gradients(dy, x, gamma, 1e-5))


@misconception(
    "Your forward divides the variance by n - 1, but given_backward belongs to a variance divided by n. Pass "
    "correction=0 in forward."
)
class UnbiasedForward(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gamma, beta, eps):
        ctx.save_for_backward(x, gamma)
        ctx.eps = eps
        return result(x, gamma, beta, eps, correction=1)

    @staticmethod
    def backward(ctx, dy):
        x, gamma = ctx.saved_tensors
        return wanted(ctx, *gradients(dy, x, gamma, ctx.eps))


@misconception(
    "Your forward and backward both divide the variance by n - 1. They fit together, but batch norm divides by n here: "
    "pass correction=0.",
    accept=("gradients_2d", "gradients_4d", "used_twice_in_one_graph"),
)
class UnbiasedThroughout(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gamma, beta, eps):
        ctx.save_for_backward(x, gamma)
        ctx.eps = eps
        return result(x, gamma, beta, eps, correction=1)

    @staticmethod
    def backward(ctx, dy):
        x, gamma = ctx.saved_tensors
        return wanted(ctx, *gradients(dy, x, gamma, ctx.eps, correction=1))


@misconception("forward returns x_hat. Scale it by gamma and shift it by beta.")
class AffineForgotten(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gamma, beta, eps):
        ctx.save_for_backward(x, gamma)
        ctx.eps = eps
        return normalised(x, eps)[0]

    @staticmethod
    def backward(ctx, dy):
        x, gamma = ctx.saved_tensors
        return wanted(ctx, *gradients(dy, x, gamma, ctx.eps))


@misconception("forward subtracts beta. Add it.")
class BetaSubtracted(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gamma, beta, eps):
        ctx.save_for_backward(x, gamma)
        ctx.eps = eps
        return result(x, gamma, -beta, eps)

    @staticmethod
    def backward(ctx, dy):
        x, gamma = ctx.saved_tensors
        return wanted(ctx, *gradients(dy, x, gamma, ctx.eps))


@misconception(
    "Inside you compute in float32 whatever x is, so float64 loses its digits. Keep the dtype of x."
)
class AlwaysFloat32(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gamma, beta, eps):
        ctx.save_for_backward(x, gamma)
        ctx.eps = eps
        return result(x.float(), gamma.float(), beta.float(), eps).to(x.dtype)

    @staticmethod
    def backward(ctx, dy):
        x, gamma = ctx.saved_tensors
        grads = gradients(dy.float(), x.float(), gamma.float(), ctx.eps)
        return wanted(ctx, *[grad.to(x.dtype) for grad in grads])


@misconception(
    "backward changes dy in place. dy may be on its way to another layer too: work on new tensors."
)
class DyChanged(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gamma, beta, eps):
        ctx.save_for_backward(x, gamma)
        ctx.eps = eps
        return result(x, gamma, beta, eps)

    @staticmethod
    def backward(ctx, dy):
        x, gamma = ctx.saved_tensors
        dx, dgamma, dbeta = gradients(dy, x, gamma, ctx.eps)
        return wanted(ctx, dy.copy_(dx), dgamma, dbeta)


@misconception("forward centres x in place. The input is not yours: work on a new tensor.")
class InputCentredInPlace(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gamma, beta, eps):
        x -= x.mean(axes(x), keepdim=True)
        ctx.save_for_backward(x, gamma)
        ctx.eps = eps
        return result(x, gamma, beta, eps)

    @staticmethod
    def backward(ctx, dy):
        x, gamma = ctx.saved_tensors
        return wanted(ctx, *gradients(dy, x, gamma, ctx.eps))


@misconception(
    "backward adds to gamma.grad itself and returns the gradient as well, so it counts twice. Only return it."
)
class CountsTwice(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gamma, beta, eps):
        ctx.save_for_backward(x, gamma)
        ctx.eps = eps
        return result(x, gamma, beta, eps)

    @staticmethod
    def backward(ctx, dy):
        x, gamma = ctx.saved_tensors
        dx, dgamma, dbeta = gradients(dy, x, gamma, ctx.eps)
        if ctx.needs_input_grad[1]:
            gamma.grad = dgamma.clone() if gamma.grad is None else gamma.grad + dgamma
        return wanted(ctx, dx, dgamma, dbeta)


@misconception(
    "gamma is lined up with the last axis. For a 4-D input that is the width: give gamma and beta the shape "
    "(1, C, 1, 1)."
)
class AlongTheWidth(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gamma, beta, eps):
        ctx.save_for_backward(x, gamma)
        ctx.eps = eps
        return gamma * normalised(x, eps)[0] + beta

    @staticmethod
    def backward(ctx, dy):
        x, gamma = ctx.saved_tensors
        return wanted(ctx, *gradients(dy, x, gamma, ctx.eps))


@misconception(
    "Your mean and variance are those of each example, as in layer norm. Take them for each channel, over all examples."
)
class LayerNormAxes(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gamma, beta, eps):
        ctx.save_for_backward(x, gamma)
        ctx.eps = eps
        var, mean = torch.var_mean(x, list(range(1, x.dim())), correction=0, keepdim=True)
        return wide(gamma, x) * (x - mean) * torch.rsqrt(var + eps) + wide(beta, x)

    @staticmethod
    def backward(ctx, dy):
        x, gamma = ctx.saved_tensors
        return wanted(ctx, *gradients(dy, x, gamma, ctx.eps))
