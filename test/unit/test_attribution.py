"""Which layer waiting for a job counts for."""

from __future__ import annotations

from runnel.runtime.emulator.attribution import Job, Part, attribute

PARTS = [Part(0, 0, 10, 5), Part(1, 10, 40, 7), Part(2, 40, 50, 3)]


def time_of(parts: list[Part], number: int) -> int:
    return sum(part.end - part.start for part in parts if part.number == number)


def test_a_wait_counts_for_the_layer_that_queued_the_job() -> None:
    """Layer 0 queues a job with its last store; layer 1 sleeps from 15 to 30 until it has ended."""
    found = list(attribute(PARTS, [Job(10, 10, 30)], [(15, 30)]))
    assert [time_of(found, number) for number in range(3)] == [10 + 15, 30 - 15, 10]
    assert found[1:4] == [Part(1, 10, 15, 7), Part(0, 15, 30, 0), Part(1, 30, 40, 0)]


def test_a_wait_for_two_jobs_counts_for_both() -> None:
    """The second job was queued behind the first; the wait goes on into the part of layer 2."""
    jobs = [Job(8, 8, 20), Job(12, 20, 45)]
    found = list(attribute(PARTS, jobs, [(14, 45)]))
    assert [time_of(found, number) for number in range(3)] == [10 + 6, 4 + 20 + 5, 5]
    assert sum(part.instructions for part in found) == 15


def test_the_own_job_and_other_times_stay() -> None:
    assert list(attribute(PARTS, [Job(11, 11, 30)], [(15, 30), (60, 70)])) == PARTS
    assert list(attribute(PARTS, [Job(0, 0, 30)], [(15, 30)])) == PARTS
