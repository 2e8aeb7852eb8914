"""Fetch a published data set, checked against its published checksum: `uv run python scripts/download.py NAME DIR`.

What breaks off is resumed, also by a later call. Nothing is unpacked. Without a name, what is known is listed.
selfsup/data/README.md says what each data set is, its licence, and how to unpack and read it.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from selfsup.data.fetching import Remote, fetch
from selfsup.types import DataError

_DROPBOX = "https://dl.dropboxusercontent.com/s"


def _zenodo(record: int, files: dict[str, str | None]) -> list[Remote]:
    base = f"https://zenodo.org/records/{record}/files"
    return [Remote(f"{base}/{name}", f"md5:{md5}" if md5 else None) for name, md5 in files.items()]


# Checksums: Galaxy10 as its authors' code has it (astroNN), GZ DECaLS, DESI as on their Zenodo pages, the others as
# in the code of their author (mwalmsley/galaxy-datasets, mwalmsley/galaxy_mnist). None: none was found.
KNOWN: dict[str, list[Remote]] = {
    "galaxy10_decals": [
        Remote(
            "https://zenodo.org/records/10845026/files/Galaxy10_DECals.h5",
            "sha256:19aefc477c41bb7f77ff07599a6b82a038dc042f889a111b0d4d98bb755c1571",
        )
    ],
    "galaxy_mnist": [
        Remote(f"{_DROPBOX}/5a14de0o7slyif9/train_dataset.hdf5.gz", "md5:e408ae294e9b975482dc1abffeb373a6"),
        Remote(f"{_DROPBOX}/5rza12nn24cwd2k/test_dataset.hdf5.gz", "md5:7a940e4cea64a8b7cb60339098f74490"),
    ],
    "galaxy_mnist_224px": [
        Remote(f"{_DROPBOX}/xenuo0ekgyi10ru/train_dataset.hdf5.gz", "md5:3391dcddac14d5b4055db73fb600ae63"),
        Remote(f"{_DROPBOX}/lczri4sb4bbcgyh/test_dataset.hdf5.gz", "md5:fb272c4e94000b4d99a09d638977b0b9"),
    ],
    "gz2": [
        *_zenodo(
            3565489,
            {
                "images_gz2.zip": "bc647032d31e50c798770cf4430525c7",
                "gz2_filename_mapping.csv": "7e28465e6dfbf96c0d828c595a5bbd80",
            },
        ),
        Remote("https://gz2hart.s3.amazonaws.com/gz2_hart16.csv.gz", None),
    ],
    "gz_decals": _zenodo(
        4573248,
        {
            "gz_decals_volunteers_5.parquet": "364d0b598b7d2958553350c5ce0ffc14",
            "gz_decals_volunteers_1_and_2.parquet": "e9de511cbd5977e02c81cbdb5d21b7c2",
            **{f"gz_decals_dr5_png_part{part}.zip": None for part in range(1, 5)},
        },
    ),
    "gz_desi": _zenodo(8331338, {"gz_desi_gzd8_volunteer_core_catalog.parquet": "ba79d9d9b56bb81608fbaa4c48d4f465"}),
    "gz_hubble": [
        Remote(
            f"{_DROPBOX}/xnktj9hq6xig0a7/hubble_ortho_train_catalog.parquet", "md5:c6cb821f7ebefb583dc74488cf7bfc5f"
        ),
        Remote(f"{_DROPBOX}/1g9lwih9944sys8/hubble_ortho_test_catalog.parquet", "md5:05e01ed822b34400f32977280eebec87"),
        Remote(f"{_DROPBOX}/k9xco1mtp8bw60v/hubble_images.tar.gz", None),
    ],
    "gz_candels": [
        Remote(
            f"{_DROPBOX}/cnjvdinnhh1r1md/candels_ortho_train_catalog.parquet", "md5:90593d1bab79a608cf0e645d6fd8e741"
        ),
        Remote(
            f"{_DROPBOX}/y83v1gktw72hs0f/candels_ortho_test_catalog.parquet", "md5:1062993dd8df09684b335678ab3fa8e3"
        ),
        Remote(f"{_DROPBOX}/d67we9xsn8vyr5k/candels_images.tar.gz", "md5:b621ee4e650cf084a1a0c1fe5c9d0a21"),
    ],
}


def _listing() -> str:
    lines = ["known:"]
    for name, remotes in KNOWN.items():
        lines += [f"  {name}", *(f"    {r.url}{'' if r.checksum else '  (needs --sha256)'}" for r in remotes)]
    return "\n".join(lines)


def _wanted(name: str, only: str | None, sha256: str | None) -> list[Remote]:
    if name.startswith(("https://", "http://")):
        remotes = [Remote(name, None)]
    elif name in KNOWN:
        remotes = [remote for remote in KNOWN[name] if only in (None, remote.file_name)]
    else:
        raise DataError(f"{name}: not known, and no address\n{_listing()}")
    if not remotes:
        raise DataError(f"{only}: not a file of {name}\n{_listing()}")
    if sha256 is None:
        return remotes
    if len(remotes) != 1:
        raise DataError("--sha256 is of one file: say which with --file NAME")
    return [Remote(remotes[0].url, f"sha256:{sha256}", remotes[0].name)]


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", nargs="?", help="a known data set, or the address of a file")
    parser.add_argument("folder", nargs="?", type=Path, help="where to put it; data.folder=... afterwards")
    parser.add_argument("--file", help="only this one of its files")
    parser.add_argument("--sha256", help="the checksum of that file, where none is known or you trust another")
    asked = parser.parse_args(arguments)
    if asked.name is None or asked.folder is None:
        print(_listing())
        return
    try:
        remotes = _wanted(asked.name, asked.file, asked.sha256)
        missing = [remote.file_name for remote in remotes if remote.checksum is None]
        for remote in remotes:
            if remote.checksum is not None:
                print(fetch(remote, asked.folder))
    except DataError as error:
        sys.exit(str(error))
    if missing:
        sys.exit(
            f"not fetched, for no checksum is known: {', '.join(missing)}; fetch each with --file NAME --sha256 ..."
        )


if __name__ == "__main__":
    main()
