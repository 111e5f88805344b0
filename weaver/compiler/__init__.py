"""From behaviors to kernels: a thin compiler over numba."""

from __future__ import annotations

from weaver.compiler.build import Plan, Written, compile, plan, write

__all__ = ["Plan", "Written", "compile", "plan", "write"]
