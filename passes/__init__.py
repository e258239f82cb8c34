"""The passes, loaded by name on first use. One pass, one file, one line here."""

PASSES: dict[str, str] = {
    "decompose": "graph.decompose:Decompose",
    "fold-batch-norm": "graph.fold_batch_norm:FoldBatchNorm",
    "fold-bias": "graph.fold_bias:FoldBias",
    "fold-constants": "graph.fold_constants:FoldConstants",
    "remove-unused-globals": "graph.remove_unused_globals:RemoveUnusedGlobals",
    "convert-qdq": "quant.convert_qdq:ConvertQDQ",
    "equalize": "quant.equalize:Equalize",
    "absorb-high-bias": "quant.absorb_bias:AbsorbHighBias",
    "calibrate": "quant.calibrate:Calibrate",
    "mixed-precision": "quant.mixed_precision:MixedPrecision",
    "import-encodings": "quant.import_encodings:ImportEncodings",
    "insert-quant-casts": "quant.insert_casts:InsertQuantCasts",
    "seq-mse": "quant.seq_mse:SeqMSE",
    "round-weights": "quant.round_weights:RoundWeights",
    "correct-bias": "quant.correct_bias:CorrectBias",
    "channels-last": "quant.channels_last:ChannelsLast",
    "integer-io": "quant.integer_io:IntegerIO",
    "set-platform": "place.set_platform:SetPlatform",
    "schedule-for-memory": "memory.schedule_for_memory:ScheduleForMemory",
    "reuse-in-place": "memory.reuse_in_place:ReuseInPlace",
    "plan-memory": "memory.plan_memory:PlanMemory",
    "verify-memory": "memory.verify_memory:VerifyMemory",
}
"""Pass name to `module:Class` below this package."""
