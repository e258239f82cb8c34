"""The passes, loaded by name on first use. One pass, one file, one line here."""

PASSES: dict[str, str] = {
    "schedule-for-memory": "memory.schedule_for_memory:ScheduleForMemory",
    "reuse-in-place": "memory.reuse_in_place:ReuseInPlace",
    "plan-memory": "memory.plan_memory:PlanMemory",
    "verify-memory": "memory.verify_memory:VerifyMemory",
}
"""Pass name to `module:Class` below this package."""
