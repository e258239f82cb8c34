"""The dialects of the road, loaded by name on first use."""

DIALECTS: dict[str, str] = {
    "platform": "platform:Platform",
    "graph": "graph:Graph",
    "quant": "quant:Quant",
    "tile": "tile:Tile",
    "dma": "dma:Dma",
    "cluster": "cluster:Cluster",
    "cortexm": "cortexm:CortexM",
    "npu": "npu:Npu",
    "c": "c:C",
}
"""Dialect name to `module:Class` below this package, imported when it is first asked for."""
