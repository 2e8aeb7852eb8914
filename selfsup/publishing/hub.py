"""An encoder with all that is needed to ask it, and the Hugging Face hub's way of saving, fetching and sharing it.

`PublishedEncoder.from_pretrained("owner/name")`, `.save_pretrained(folder)` and `.push_to_hub("owner/name")` are
huggingface_hub's `ModelHubMixin` around our own folder: what comes from the hub is read by `read_package`, so a
repository names no class that the gate does not let through, and of its files only three are fetched.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from huggingface_hub import ModelHubMixin, snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
from torch import Tensor

from selfsup.encoders.base import Encoder, Layer
from selfsup.publishing.package import FILES, Description, read_package, write_package
from selfsup.types import ConfigError


class PublishedEncoder(Encoder, ModelHubMixin):
    """An encoder that knows the size of its pictures, what it was trained on, and how to be shared.

    It asks the encoder that it holds and changes nothing of what that says.
    """

    def __init__(self, encoder: Encoder, description: Description, card: str) -> None:
        """Hold an encoder, which stays as it is.

        Args:
            encoder: the one that is asked; it normalises the picture itself.
            description: of it.
            card: its page for people, Markdown.
        """
        super().__init__(description.channels, mean=0.0, std=1.0)
        self.encoder, self.description, self.card = encoder, description, card
        self.dim, self.size_px = encoder.dim, description.size_px

    def forward(self, image: Tensor) -> Tensor:
        """(B, C, H, W) float in [0, 1] -> (B, D)."""
        embedding: Tensor = self.encoder(image)
        return embedding

    def feature_map(self, image: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, D, h, w)."""
        return self.encoder.feature_map(image)

    def pyramid(self, image: Tensor) -> list[Tensor]:
        """(B, C, H, W) -> maps from fine to coarse."""
        return self.encoder.pyramid(image)

    def by_depth(self) -> list[Layer]:
        """The blocks of the encoder that it holds."""
        return self.encoder.by_depth()

    def _save_pretrained(self, save_directory: Path) -> None:
        write_package(save_directory, self.encoder, self.description, self.card)

    @classmethod
    def _from_pretrained(
        cls,
        *,
        model_id: str,
        revision: str | None,
        cache_dir: str | Path | None,
        force_download: bool,
        local_files_only: bool,
        token: str | bool | None,
        trust: Sequence[str] = (),
        **_: Any,  # what huggingface_hub takes from config.json for __init__, unchecked: not used
    ) -> PublishedEncoder:
        folder = Path(model_id)
        if not folder.is_dir():
            options = {"cache_dir": cache_dir, "force_download": force_download, "token": token}
            folder = fetched(model_id, revision, local_files_only=local_files_only, **options)
        return cls(*read_package(folder, trust)).eval()


def fetched(name: str, revision: str | None = None, **options: Any) -> Path:
    """The folder of a published encoder in the cache of the hub, where it is fetched from there if need be.

    Args:
        name: "owner/name".
        revision: branch, tag or commit; None for the newest.
        options: of `huggingface_hub.snapshot_download`.

    Raises:
        ConfigError: there is no such repository or revision, or it cannot be reached.
    """
    try:
        return Path(snapshot_download(name, revision=revision, allow_patterns=list(FILES), **options))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError) as error:
        where = f"hf://{name}" + (f"@{revision}" if revision else "")
        raise ConfigError(
            f"{where}: cannot be fetched ({str(error).splitlines()[0]}); check owner/name, revision, "
            "network, HF_HUB_OFFLINE, and `hf auth login` for a private one"
        ) from error
