"""Fixtures of the contract tests."""

from tests.support.localhub import hub, session_hub, strict_hub

__all__ = ["hub", "session_hub", "strict_hub"]
