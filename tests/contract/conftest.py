"""Fixtures of the contract tests."""

from tests.support.localhub import hub, session_hub, strict_hub
from tests.support.recard_bench import bench

__all__ = ["bench", "hub", "session_hub", "strict_hub"]
