"""The lecture's rows, 1 to 24, by topic. Every row is two programs that do the same, one a library.

Importing this needs torch.
"""

from .._row import Row
from . import autograd, convolution, custom, figures, layers, tracking, why

ROWS: dict[int, Row] = {
    row.number: row
    for topic in (convolution, layers, autograd, tracking, custom, figures, why)
    for row in topic.ROWS
}
