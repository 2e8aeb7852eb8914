"""An encoder as a graph that runs without this package: ONNX, and PyTorch's own torch.export.

Both come from one trace of the encoder in evaluation mode, for any number of pictures of one size. A graph is not
believed: the file that was written is read back and asked beside the encoder, and `difference` says how far apart they
are. ONNX: https://onnx.ai; torch.export: Ansel et al. 2024, "PyTorch 2" (ASPLOS), doi:10.1145/3620665.3640366.
"""

from __future__ import annotations

import copy
import io
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from selfsup.durable import synced
from selfsup.encoders.base import Encoder
from selfsup.encoders.dihedral import ORIENTATIONS, Symmetric
from selfsup.extras import optional
from selfsup.publishing.hub import PublishedEncoder
from selfsup.types import ConfigError

Run = Callable[[Tensor], Tensor]
"""(B, C, H, W) float in [0, 1] -> (B, D), by a graph."""

FORMATS = {"onnx": "model.onnx", "torch_export": "model.pt2"}
"""Name of a format -> its file."""

_NEEDED = ("onnx", "onnxscript", "onnxruntime")
_TRACED = 2
"""Pictures in the trace: one alone would be taken for a size that never changes."""


class _Stacked(nn.Module):
    """The mean over all orientations, asked as one batch: the graph holds the network once, not eight times."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, image: Tensor) -> Tensor:
        turned = [torch.rot90(image, quarters, dims=(-2, -1)) for quarters, _ in ORIENTATIONS]
        seen = [each.flip(-1) if mirrored else each for each, (_, mirrored) in zip(turned, ORIENTATIONS, strict=True)]
        embedding: Tensor = self.encoder(torch.cat(seen))
        return embedding.reshape(len(seen), image.shape[0], embedding.shape[1]).mean(dim=0)


def require_formats(formats: Iterable[str]) -> None:
    """Before anything is traced: whether these can be written here.

    Raises:
        ConfigError: no such format, or its packages are not installed.
    """
    for name in formats:
        if name not in FORMATS:
            raise ConfigError(f"task.formats: there is no {name!r}; write {' or '.join(FORMATS)}")
        if name == "onnx":
            for package in _NEEDED:
                optional(package, "portable")


def trace(published: PublishedEncoder) -> ExportedProgram:
    """The graph of an encoder on the CPU, for any number of pictures of its size.

    Raises:
        ConfigError: PyTorch cannot follow what it does.
    """
    encoder = published.encoder
    module = copy.deepcopy(_Stacked(encoder.encoder) if isinstance(encoder, Symmetric) else encoder)
    module.to(memory_format=torch.contiguous_format)  # torch.export.save takes other formats for parts of a tensor
    image = torch.zeros(_TRACED, published.description.channels, published.size_px, published.size_px)
    try:
        # Strict: the other way takes `len(tokens)` for a number that never changes.
        return torch.export.export(module.eval(), (image,), dynamic_shapes=({0: Dim("batch")},), strict=True)
    except RuntimeError as error:  # how torch.export refuses, in all of its kinds
        raise _refused("a graph", error) from error


def write_graph(program: ExportedProgram, kind: str, file: Path) -> Run:
    """Write the graph as a format of `FORMATS`; returns what that file computes, read back.

    Raises:
        ConfigError: the format lacks what the encoder does.
    """
    return _write_onnx(program, file) if kind == "onnx" else _write_torch(program, file)


def difference(encoder: Encoder, run: Run, images: Tensor, batches: Iterable[int]) -> float:
    """The largest absolute difference of two embeddings of the same pictures.

    Args:
        encoder: in evaluation mode.
        run: the graph.
        images: (N, C, H, W) float in [0, 1].
        batches: how many of them are asked at once: the first, the first two, ...; at most N.

    Returns:
        Infinite where one is not finite.
    """
    largest = 0.0
    with torch.inference_mode():
        for count in batches:
            apart = (run(images[:count]) - encoder(images[:count])).abs().max()
            largest = max(largest, float(apart.nan_to_num(nan=torch.inf)))
    return largest


def _write_torch(program: ExportedProgram, file: Path) -> Run:
    content = io.BytesIO()
    torch.export.save(program, content)
    with synced(file) as stream:
        stream.write(content.getvalue())
    run: Run = torch.export.load(file).module()
    return run


def _write_onnx(program: ExportedProgram, file: Path) -> Run:
    require_formats(["onnx"])
    # ONNX's shape inference takes a broadcast axis of an einsum for one of length 1; it understands matrix products.
    einsum = torch.ops.aten.einsum.default
    plain = program.run_decompositions({einsum: torch.export.default_decompositions()[einsum]})
    names: dict[str, Any] = {"input_names": ["image"], "output_names": ["embedding"]}
    try:
        made = torch.onnx.export(plain, dynamo=True, dynamic_shapes=({0: "batch"},), verbose=False, **names)
    except RuntimeError as error:
        raise _refused("ONNX", error) from error
    if made is None:  # only where it is told to write a file itself
        raise TypeError("torch.onnx.export returned nothing")
    with synced(file) as stream:
        stream.write(made.model_proto.SerializeToString())
    runtime = optional("onnxruntime", "portable")
    session = runtime.InferenceSession(str(file), providers=["CPUExecutionProvider"])

    def run(images: Tensor) -> Tensor:
        return torch.from_numpy(session.run(["embedding"], {"image": images.numpy()})[0])

    return run


def _refused(what: str, error: RuntimeError) -> ConfigError:
    reason = next(iter(str(error).splitlines()), type(error).__name__)
    return ConfigError(f"task.formats: this encoder cannot become {what} ({reason}); leave it out, the weights remain")
