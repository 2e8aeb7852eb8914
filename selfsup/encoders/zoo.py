"""timm's networks by their name, and in the words of the configuration what can go wrong with one.

Wightman 2019, PyTorch Image Models, doi 10.5281/zenodo.4414861.
"""

import difflib
from typing import Any

import timm

from selfsup.types import ConfigError

Network = Any  # timm is untyped, and its networks share no class


def create(model: str, module: str, pretrained: bool, **options: Any) -> Network:
    """The timm network without classifier.

    Args:
        model: timm's name, with or without the tag of its weights.
        module: timm's module that the network must be of, such as "vision_transformer"; "" for any.
        pretrained: start from timm's published weights.
        options: further arguments of the network; None leaves one out.

    Raises:
        ConfigError: no such network or weights, or it cannot drop paths.
    """
    known = model.partition(".")[0] in timm.list_models(module=module) if module else timm.is_model(model)
    if not known:
        near = difflib.get_close_matches(model, timm.list_models(module=module), n=5, cutoff=0.5)
        kind = f" in {module}" if module else ""
        raise ConfigError(f"encoder.model: timm has no {model!r}{kind}. Nearest names: {', '.join(near) or 'none'}.")
    try:
        return timm.create_model(model, pretrained=pretrained, num_classes=0, **options)
    except TypeError as error:
        if "drop_path_rate" not in str(error):
            raise
        raise ConfigError(f"encoder.drop_path: {model!r} cannot drop paths. Write drop_path: 0.") from error
    except (OSError, RuntimeError) as error:
        raise ConfigError(
            f"encoder.model: timm could not provide {model!r} with pretrained={pretrained}: {error}. Check the name's "
            "tag and the network connection, or write encoder.pretrained=false."
        ) from error
