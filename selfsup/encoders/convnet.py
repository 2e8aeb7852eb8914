"""Any convolutional network of timm as an encoder, with a first layer that suits the size of the images.

ResNet: He et al. 2016, arXiv 1512.03385. EfficientNet: Tan and Le 2019, arXiv 1905.11946. The stem for tiny images is
that of SimCLR (Chen et al. 2020, arXiv 2002.05709, appendix B.9): a 3x3 convolution of stride 1 and no max-pooling.
"""

import logging
from typing import Literal, get_args

import torch
from timm.models._manipulate import group_with_matcher  # its public face leaves out modules without parameters
from timm.models.resnet import ResNet
from torch import Tensor, nn

from selfsup.encoders.base import Encoder, Layer
from selfsup.encoders.depthwise import widen_depthwise
from selfsup.encoders.zoo import Network, create
from selfsup.types import ConfigError

Stem = Literal["standard", "small", "tiny", "auto"]
TINY_UP_TO_PX = 32  # CIFAR's size, for which SimCLR's stem was made
SMALL_BELOW_PX = 128  # below it, a total stride of 32 leaves less than a 4x4 map

log = logging.getLogger(__name__)


class ConvNet(Encoder):
    """A timm network without its classifier; the embedding is timm's own pooling of the last map."""

    def __init__(
        self, model: str, channels: int, image_size_px: int, stem: Stem, pretrained: bool, drop_path: float
    ) -> None:
        """Build the network and run it once, so that a network that cannot serve is refused here.

        Args:
            model: timm's name of the network, such as "resnet18".
            channels: C of the images.
            image_size_px: side of the images it will mostly see; decides what `stem="auto"` is.
            stem: "standard" leaves the network as timm has it; "small" downsamples half as much in the stem; "tiny",
                for ResNets, a quarter as much; "auto" is "tiny" (ResNets) up to 32 px, "small" below 128 px.
            pretrained: start from timm's published weights; a convolution that the stem replaces starts afresh.
            drop_path: share of residual branches dropped in training, in [0, 1).

        Raises:
            ConfigError: no such network, weights or stem, or not a convolutional network for images of this size.
        """
        # timm leaves out what is None, so networks that know no drop_path can be had without it.
        net = create(model, "", pretrained, in_chans=channels, drop_path_rate=drop_path or None)
        super().__init__(channels, mean=net.pretrained_cfg["mean"], std=net.pretrained_cfg["std"])
        widen_depthwise(net)
        self.net = net
        self.dim: int = net.num_features
        _change_stem(net, _resolve_stem(stem, net, image_size_px), model, pretrained)
        self._levels = self._try_out(model, torch.zeros(1, channels, image_size_px, image_size_px))

    def feature_map(self, image: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, D, h, w), the last map before pooling."""
        features: Tensor = self.net.forward_features(self.normalize(image))
        return features

    def pyramid(self, image: Tensor) -> list[Tensor]:
        """(B, C, H, W) -> maps, each coarser than the one before; the last is the feature map."""
        maps = self._stages(image)
        return [maps[level] for level in self._levels]

    def forward(self, image: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, D)."""
        embedding: Tensor = self.net(self.normalize(image))
        return embedding

    def by_depth(self) -> list[Layer]:
        """The stem and the stages as timm cuts the network; what follows the last stage belongs to it."""
        named = [*self.net.named_modules(), *self.net.named_parameters(recurse=False)]
        depths = group_with_matcher(named, self.net.group_matcher(coarse=True), return_values=True)
        # The last group is what timm puts in none, at least the network itself: it matches no pattern.
        return [depths[depth] for depth in sorted(depths)[:-1]]

    def _stages(self, image: Tensor) -> list[Tensor]:
        final, maps = self.net.forward_intermediates(self.normalize(image))
        # What follows the last stage (EfficientNet: a 1x1 convolution) belongs to the feature map.
        return [*maps[:-1], final]

    @torch.no_grad()
    def _try_out(self, model: str, image: Tensor) -> list[int]:
        """Check the shapes; return the stages to keep: the last of each resolution, so that the pyramid narrows."""
        self.eval()
        try:
            shape, width, maps = self.feature_map(image).shape, self(image).shape[-1], self._stages(image)
        except (AssertionError, RuntimeError, ValueError) as error:  # how timm and torch refuse a size
            raise ConfigError(
                f"encoder.model: {model!r} does not work as a convolutional network on {tuple(image.shape[-2:])} px "
                f"images ({error}). Choose a ResNet or EfficientNet, larger images, or encoder=vit_tiny."
            ) from error
        self.train()
        if len(shape) != 4 or not shape[1] == width == self.dim:
            raise ConfigError(
                f"encoder.model: {model!r} makes a map of shape {tuple(shape)} and an embedding of width {width}, "
                f"where both must have {self.dim} channels. Choose a network such as resnet18 or efficientnet_b0."
            )
        sides = [each.shape[-1] for each in maps] + [0]
        return [level for level in range(len(maps)) if sides[level] > sides[level + 1]]


def _resolve_stem(stem: str, net: nn.Module, image_size_px: int) -> str:
    """The stem that is meant: "standard", "small" or "tiny"."""
    if stem not in get_args(Stem):
        raise ConfigError(f"encoder.stem: {stem!r} is none of {', '.join(get_args(Stem))}.")
    residual = isinstance(net, ResNet)
    if stem == "tiny" and not residual:
        raise ConfigError("encoder.stem: 'tiny' exists for ResNets only. Write stem: small.")
    if stem != "auto":
        return stem
    if image_size_px <= TINY_UP_TO_PX and residual:
        return "tiny"
    return "small" if image_size_px < SMALL_BELOW_PX else "standard"


def _change_stem(net: Network, stem: str, model: str, pretrained: bool) -> None:
    """Take one ("small") or two ("tiny") factors of two out of the downsampling of the first layers, in place."""
    if stem == "standard":
        return
    renewed = False
    if isinstance(net, ResNet):
        renewed = _change_resnet_stem(net, stride=1 if stem == "tiny" else 2)
    else:
        first = next((m for m in net.modules() if isinstance(m, nn.Conv2d) and m.stride[0] > 1), None)
        if first is None:
            raise ConfigError(f"encoder.stem: {model!r} has no strided convolution. Write stem: standard.")
        first.stride = (first.stride[0] // 2, first.stride[1] // 2)
    if pretrained:
        kept = "all pretrained weights but those of the stem" if renewed else "all pretrained weights"
        log.warning("%s: the stem is %r, not the one it was pretrained with; %s are kept.", model, stem, kept)


def _change_resnet_stem(net: Network, stride: int) -> bool:
    """Remove the max-pooling and set the first stride; True where the 7x7 convolution was replaced by a new 3x3."""
    net.maxpool = nn.Identity()
    old: Network = net.conv1
    if isinstance(old, nn.Sequential):  # ResNet-D: three 3x3 convolutions, which can stay
        first: Network = old[0]
        first.stride = (stride, stride)
        return False
    net.conv1 = nn.Conv2d(old.in_channels, old.out_channels, 3, stride=stride, padding=1, bias=False)
    nn.init.kaiming_normal_(net.conv1.weight, mode="fan_out", nonlinearity="relu")
    net.bn1.reset_parameters()  # its statistics are those of the old convolution
    return True
