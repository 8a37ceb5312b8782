"""HT04: measuring, allocating, quantizing."""

from hubtool.errors.families import CheckError, InputError


class BudgetImpossible(InputError):
    """The bit budget lies outside what the candidate widths can reach."""

    id = "HT0401"


class CalibrationInvalid(InputError):
    """The calibration mix is empty, damaged, or too short."""

    id = "HT0402"


class QuantizationDiffers(CheckError):
    """The written file does not hold the bit widths that were allocated."""

    id = "HT0403"


class MeasureFailed(CheckError):
    """A sensitivity came out as NaN, infinite or negative."""

    id = "HT0404"


class NothingToQuantize(InputError):
    """The model has no component that can be quantized at this group size."""

    id = "HT0405"


class SensitivityMismatch(InputError):
    """The sensitivities are of another model, or cannot be read."""

    id = "HT0406"
