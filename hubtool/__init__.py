"""hubtool: from a base model on the Hub to a published, verified MLX quant."""

__all__ = ["__version__"]


def __getattr__(name: str) -> str:
    """``__version__``, read from the installed package when it is asked for."""
    if name != "__version__":
        raise AttributeError(name)
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("hubtool")
    except PackageNotFoundError:  # run from a checkout that was never installed
        return "0+unknown"
