"""Learn representations of galaxy images, compare how they were learned, and put them to work.

Three lines put a trained encoder to work, from a run's folder, a published one, or the Hugging Face hub::

    import selfsup
    encoder = selfsup.load_encoder("hf://owner/name")
    features = selfsup.embed_images(encoder, ["galaxy.jpg"])

`EncoderTransformer` is the same as a step of a scikit-learn pipeline, `PublishedEncoder` the class of the encoder.
"""

from importlib import import_module
from typing import Any

_API = {
    "EncoderTransformer": "selfsup.publishing.transformer",
    "PublishedEncoder": "selfsup.publishing.hub",
    "embed_images": "selfsup.publishing.loading",
    "load_encoder": "selfsup.publishing.loading",
}
"""What the package offers to Python, and where it is."""


def __getattr__(name: str) -> Any:
    """Load what is asked for, when it is: `import selfsup` alone stays light, and torch is not (PEP 562)."""
    if name not in _API:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_API[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_API])
