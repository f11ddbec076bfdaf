"""How a file says its pictures are to be held: turned, and mirrored as those of front cameras are."""

from typing import Any


def is_sideways(frame: Any) -> bool:
    """Whether the frame is shown as high as it is stored wide."""
    matrix = _display_matrix(frame)
    return abs(matrix[1]) > abs(matrix[0])


def upright(picture: Any, frame: Any) -> Any:
    """The frame's picture as it is shown; rows and columns as they are stored are its first two dimensions."""
    import numpy as np

    matrix = _display_matrix(frame)
    to_right, down = matrix[0], matrix[4]
    if is_sideways(frame):
        picture, to_right, down = picture.swapaxes(0, 1), matrix[3], matrix[1]
    return np.ascontiguousarray(picture[:: -1 if down < 0 else 1, :: -1 if to_right < 0 else 1])


def _display_matrix(frame: Any) -> list[int]:
    """ISO/IEC 14496-12, 8.3.2: where a stored pixel (x, y) is shown: (m0 x + m3 y, m1 x + m4 y), moved."""
    from av.sidedata.sidedata import Type

    said = frame.side_data.get(Type.DISPLAYMATRIX)  # PyAV's `rotation` takes one that mirrors for one that turns
    return memoryview(said).cast("B").cast("i").tolist() if said is not None else [1, 0, 0, 0, 1]
