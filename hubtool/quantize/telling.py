"""What a measurement says of itself: who computes its products, and how low its noise is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hubtool.console import Console
from hubtool.quantize.arrays import on_cpu
from hubtool.quantize.blas import describe_blas, measure_products, prefer_fast_blas, speed_advice


def tell_products(console: Console) -> None:
    """Who computes, and what would be faster; on the CPU only."""
    loaded = prefer_fast_blas()  # first: mlx keeps the BLAS that it finds when it is imported
    if not on_cpu() or console.mode == "silent":
        return
    products = measure_products(loaded)
    console.note(
        f"  {describe_blas(products.library)}, {products.gflops_a_core:.0f} GFLOP/s a core"
    )
    if (faster := speed_advice(products)) is not None:
        console.note(f"  {faster}")


def tell_noise(
    floor: float, sensitivities: Iterable[Mapping[str, float]], console: Console
) -> None:
    """The noise floor in nats a token, and how many of the KLs by choice lie below it."""
    below = sum(kl < floor for one in sensitivities for kl in one.values())
    console.note(
        f"  noise floor {floor:.1e} nats a token; "
        + (f"{below} sensitivities are below it" if below else "every sensitivity is above it")
    )
