"""The blocks (layers) of a model as calls that can be watched, replaced and cut apart.

Every mlx-lm model lists its blocks in ``layers``. Their classes are swapped for
children whose calls come here first, so that a pass can skip the blocks before
a point, or stop keeping what lies between two of them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import mlx.nn as nn

# (number of the call, the call itself, its arguments) -> the block's output
Hook = Callable[[int, Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]


class Blocks:
    """Calls of blocks, numbered within a pass. ``finished`` are the calls that have returned."""

    def __init__(self, model: nn.Module) -> None:
        self.finished = 0
        self._started = 0
        self._hook: Hook | None = None
        modules: list[Any] = [
            one for one in getattr(model, "layers", None) or [] if one is not None
        ]
        self.count = len(modules)
        for module in {id(one): one for one in modules}.values():
            kind = type(module)
            calls = {"__call__": self._interceptor(kind.__call__)}
            # around nn.Module's own __setattr__, which takes values for parameters
            object.__setattr__(module, "__class__", type(kind.__name__, (kind,), calls))

    @contextlib.contextmanager
    def one_pass(self, hook: Hook | None = None) -> Iterator[None]:
        """A pass of the model within which ``hook`` stands for every block."""
        self._hook, self._started, self.finished = hook, 0, 0
        try:
            yield
        finally:
            self._hook = None

    @property
    def inside(self) -> bool:
        """Whether a block is being computed now."""
        return self._started > self.finished

    def _interceptor(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def call(module: Any, *args: Any, **kwargs: Any) -> Any:
            number = self._started
            self._started += 1

            def run(*args: Any, **kwargs: Any) -> Any:
                return original(module, *args, **kwargs)

            hook = self._hook
            out = hook(number, run, args, kwargs) if hook else run(*args, **kwargs)
            self.finished += 1
            return out

        return call
