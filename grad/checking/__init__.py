"""grad.gradcheck and gradgradcheck: derivatives beside numerical ones."""
