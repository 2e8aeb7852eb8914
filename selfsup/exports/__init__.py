"""Catalogues as the files that astronomers exchange: FITS, VOTable, VOParquet, CSV. No torch."""
