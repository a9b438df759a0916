"""What cannot be converted: each operation that is missing, with its module and line, at once."""

from typing import Any

import pytest
import torch
from torch import nn

import port


class Unknown(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.linalg.svdvals(x)


class Outer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.parts = nn.ModuleList([Unknown(), Unknown()])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.parts[0](x) + self.parts[1](x)
        return y + torch.special.bessel_j0(y)


class Branch(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.sum() > 0:
            return x
        return -x


class InLayer(nn.Module):
    """PyTorch's own layer asks whether the mask that it is given is the causal one."""

    def __init__(self) -> None:
        super().__init__()
        self.decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(4, 2, 8), 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.decoder(x, x, tgt_mask=x[:, 0, :2])


class Size(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.new_zeros(int(x[0]))


class Autocast(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return x @ x


class Writes(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        view = x.mul(1).unfold(0, 2, 1)
        view[0] = 0
        return view


class Changing(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            self.weight.mul_(2)
        return x * self.weight


def test_all_missing_operations_are_named() -> None:
    with pytest.raises(NotImplementedError) as caught:
        port.convert(Outer(), (torch.eye(3),))
    message = str(caught.value)
    for words in (
        "aten.linalg_svdvals.default, in module 'parts.0', and 1 more",
        "torch.linalg.svdvals(x)",
        "aten.special_bessel_j0.default, in module ''",
        "torch.special.bessel_j0(y)",
        "test_refused.py:",
    ):
        assert words in message, message


@pytest.mark.parametrize(
    ("module", "x", "error", "words"),
    [
        (Branch(), torch.ones(2), ValueError, ["depends on the values", "x.sum() > 0", "where"]),
        (Size(), torch.ones(2), ValueError, ["depends on the values", "int(x[0])"]),
        (
            InLayer(),
            torch.ones(2, 1, 4),
            ValueError,
            ["self.decoder(x, x, tgt_mask", "transformer.py", "_detect_is_causal_mask"],
        ),
        (Autocast(), torch.ones(2, 2), NotImplementedError, ["autocast", "test_refused.py:"]),
        (Writes(), torch.ones(4), NotImplementedError, ["aten.unfold.default", "view[0] = 0"]),
        (Changing(), torch.ones(2), NotImplementedError, ["parameter weight"]),
    ],
)
def test_refused(module: nn.Module, x: Any, error: type[Exception], words: list[str]) -> None:
    with pytest.raises(error) as caught:
        port.convert(module, (x,))
    for word in words:
        assert word in str(caught.value), str(caught.value)


def test_torch_says_nothing_besides(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="depends on the values"):
        port.convert(InLayer(), (torch.ones(2, 1, 4),))
    assert capfd.readouterr() == ("", "")


def test_wrong_arguments_are_the_modules_own_error() -> None:
    with pytest.raises(RuntimeError, match=r"mat1 and mat2|reduction dim"):
        port.convert(nn.Linear(3, 2), (torch.ones(2, 4),))


def test_no_module() -> None:
    with pytest.raises(TypeError, match=r"module must be a torch\.nn\.Module.*got 3"):
        port.convert(3, (torch.ones(2),))
    with pytest.raises(TypeError, match="args must be a tuple"):
        port.convert(nn.Linear(3, 2), torch.ones(2, 3))
