"""The steps of the road from ONNX to C, loaded by name on first use."""

LOWERINGS: dict[str, str] = {
    "convert-graph-to-linalg": "graph_to_linalg:ConvertGraphToLinalg",
    "convert-loops-to-c": "loops_to_c:ConvertLoopsToC",
    "convert-graph-to-quant": "graph_to_quant:ConvertGraphToQuant",
    "convert-quant-to-cortexm": "quant_to_cortexm:ConvertQuantToCortexM",
    "convert-tile-to-dma": "tile_to_dma:ConvertTileToDma",
    "convert-npu-to-accfg": "npu_to_accfg:ConvertNpuToAccfg",
    "convert-accfg-to-npu": "accfg_to_npu:ConvertAccfgToNpu",
    "convert-cortexm-to-c": "cortexm_to_c:ConvertCortexMToC",
}
"""Pass name to `module:Class` below this package."""

TARGETS: dict[str, str] = {
    "c": "print_c:CTarget",
}
"""Output target name (`opt-tool -t`) to `module:Class` below this package."""
