"""hubtool: from a base model on the Hub to a published, verified MLX quant."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("hubtool")
except PackageNotFoundError:  # run from a checkout that was never installed
    __version__ = "0+unknown"
