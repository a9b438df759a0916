"""torch.autograd.functional: vjp, jvp, vhp, hvp, jacobian, hessian, and a Hessian's diagonal."""
