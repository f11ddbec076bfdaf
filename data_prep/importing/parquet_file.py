"""A Parquet file, read a batch of rows at a time; numbers become their text, as in JSON."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from data_prep.importing.json_file import Number
from videokr.errors import RecordError, UserError

BATCH_ROWS = 1_000


class ParquetFile:
    """A file of rows: see `source.Reader`.

    Raises:
        UserError: it is not Parquet, or holds no rows.
    """

    unit = "row"

    def __init__(self, path: Path):
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            self._file = pq.ParquetFile(path)
        except pa.ArrowInvalid as error:
            raise UserError(f"'{path}' is not Parquet: {' '.join(str(error).split())}") from None
        self.total: int | None = self._file.metadata.num_rows
        if not self.total:
            raise UserError(f"'{path}' is empty")
        # Pictures and videos that stand in the rows themselves; a record names files.
        self._aside = [field.name for field in self._file.schema_arrow if _holds_bytes(field.type)]
        self._names = [name for name in self._file.schema_arrow.names if name not in self._aside]
        twice = next((name for name in self._names if self._names.count(name) > 1), None)
        if twice is not None:
            raise UserError(f"'{path}' has the column '{twice}' twice: give each a name of its own")

    def describe(self) -> str:
        form = f"a Parquet file of {len(self._file.schema_arrow)} columns and {self.total:,} rows"
        return f"{form}; not read, as there are bytes in them: {', '.join(self._aside)}" if self._aside else form

    def records(self, progress: Callable[[int], Any]) -> Iterator[tuple[int, dict[str, Any] | RecordError]]:
        """See `source.Reader`."""
        read = 0
        for batch in self._file.iter_batches(BATCH_ROWS, columns=self._names):
            kinds = {field.name: field.type for field in batch.schema}
            for number, row in enumerate(batch.to_pylist(maps_as_pydicts="strict"), start=read + 1):
                yield number, {name: _plain(value, kinds[name]) for name, value in row.items()}
            read += batch.num_rows
            progress(read)


def _holds_bytes(kind: Any) -> bool:
    import pyarrow as pa

    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return True
    return any(_holds_bytes(kind.field(place).type) for place in range(kind.num_fields))


def _plain(value: Any, kind: Any) -> Any:
    """A value as JSON would have it, numbers as their text.

    Args:
        kind: its type in Arrow, which tells how many digits of a number were stored.
    """
    import pyarrow as pa

    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, list):
        return [_plain(one, kind.value_type) for one in value]
    if isinstance(value, dict):
        is_map = pa.types.is_map(kind)
        return {name: _plain(one, kind.item_type if is_map else kind.field(name).type) for name, one in value.items()}
    if isinstance(value, float):
        return None if value != value else Number(_shortest(value, kind))
    return Number(value)


def _shortest(value: float, kind: Any) -> str:
    """The fewest digits that tell it from its neighbours: 0.1, and not 0.10000000149011612, of 32 bits."""
    import numpy as np
    import pyarrow as pa

    if pa.types.is_float32(kind) or pa.types.is_float16(kind):
        return str((np.float32 if pa.types.is_float32(kind) else np.float16)(value))
    return repr(value)
