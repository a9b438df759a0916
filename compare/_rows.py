"""The lecture's rows, 1 to 24, from the files of compare/lecture. Importing this needs torch."""

from ._row import Row
from .lecture import autograd, convolution, custom, figures, layers, tracking, why

ROWS: dict[int, Row] = {
    row.number: row
    for topic in (convolution, layers, autograd, tracking, custom, figures, why)
    for row in topic.ROWS
}
