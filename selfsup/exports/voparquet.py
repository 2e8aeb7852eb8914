"""A catalogue as VOParquet: Parquet whose metadata hold the header of a VOTable, so that columns keep their units.

VOParquet 1.0 (Taylor et al. 2025, https://www.ivoa.net/documents/Notes/VOParquet/20250116/). TOPCAT and astropy
(format="parquet.votable") read the header, and everything else that reads Parquet reads the columns.
"""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from selfsup.durable import replacing
from selfsup.exports.content import Content
from selfsup.exports.votable import header


def write_voparquet(content: Content, file: Path) -> None:
    """Write a Parquet file; it is whole or not there."""
    content = content.measured()
    said = {"IVOA.VOTable-Parquet.version": "1.0", "IVOA.VOTable-Parquet.content": header(content)}
    # What astropy would otherwise look for in each cell, and warn of.
    said |= {f"table::len::{c.name}": str(max(1, c.extent.characters)) for c in content.columns if c.is_text}
    schema = pa.schema([(column.name, column.kind) for column in content.columns], metadata=said)
    # Snappy, which every reader knows.
    with replacing(file) as sink, pq.ParquetWriter(sink, schema, compression="snappy") as writer:
        for table in content.tables():
            writer.write_table(table.replace_schema_metadata(said))
