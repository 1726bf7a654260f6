"""The families, one file each; `plusx.catalog` builds them by name."""

from plusx.zoo import (
    densenet,
    efficientnet,
    fixup,
    graph,
    highway,
    highway_lstm,
    mlp,
    mobilenet,
    plain,
    preact,
    pyramidnet,
    recurrent,
    resnet,
    resnet_d,
    resnet_rs,
    resnext,
    scaled,
    series,
    transformer,
    vgg,
    video,
    wide,
)
from plusx.zoo.network import Config, Family, Network, Option, Options, Range

__all__ = ["FAMILIES", "Config", "Family", "Network", "Option", "Options", "Range"]

FAMILIES: tuple[Family, ...] = (
    *resnet.FAMILIES,
    *plain.FAMILIES,
    *preact.FAMILIES,
    *wide.FAMILIES,
    *resnext.FAMILIES,
    *pyramidnet.FAMILIES,
    *resnet_d.FAMILIES,
    *resnet_rs.FAMILIES,
    *vgg.FAMILIES,
    *mlp.FAMILIES,
    *densenet.FAMILIES,
    *highway.FAMILIES,
    *scaled.FAMILIES,
    *fixup.FAMILIES,
    *mobilenet.FAMILIES,
    *efficientnet.FAMILIES,
    *transformer.FAMILIES,
    *recurrent.FAMILIES,
    *highway_lstm.FAMILIES,
    *graph.FAMILIES,
    *video.FAMILIES,
    *series.FAMILIES,
)
