"""Compare: the quant's true distance from its base, on text that nothing was decided by."""

from __future__ import annotations

import dataclasses

from hubtool.artifact.layout import Artifact, read_json_object
from hubtool.artifact.stats import stats_of_folder
from hubtool.base.architecture import is_known
from hubtool.base.source import Snapshot
from hubtool.card.distance_words import nats
from hubtool.quantize.heldout import load_heldout
from hubtool.quantize.verification import Verification
from hubtool.quantize.verify import verify_quant
from hubtool.release.manifest import ReleaseManifest
from hubtool.release.stage import Context, Stage


@dataclasses.dataclass(frozen=True)
class CompareOptions:
    """How much held-out text is read, and which."""

    tokens: int
    text_sha256: str
    trust_remote_code: bool


class Compare(Stage[CompareOptions, Verification]):
    """Snapshot, Artifact (language model) -> Verification."""

    name, title = "compare", "Comparing with the base"
    reads = (Snapshot, Artifact)
    writes = Verification

    def options(self, manifest: ReleaseManifest) -> CompareOptions:
        return CompareOptions(
            tokens=manifest.verification.tokens,
            text_sha256=load_heldout().sha256,
            trust_remote_code=manifest.quantize.trust_remote_code,
        )

    def skip(self, want: CompareOptions) -> str | None:
        return None if want.tokens else "no held-out text is asked for"

    def run(self, context: Context, want: CompareOptions) -> Verification:
        snapshot = context.get(Snapshot)
        base = context.work.root / snapshot.folder
        quant = context.work.root / context.get(Artifact).folder
        model_type = str(read_json_object(quant / "config.json").get("model_type"))
        if not (want.trust_remote_code or is_known(model_type)):
            reason = f"mlx-lm has no model type {model_type!r}"
            stored_bpw = stats_of_folder(quant).language_stored_bpw
            found = Verification(None, stored_bpw, None, None, None, skipped=reason)
        else:
            found = verify_quant(
                base,
                quant,
                tokens=want.tokens,
                console=context.console,
                trust_remote_code=want.trust_remote_code,
                origin=(snapshot.repo, snapshot.revision),
            )
        if found.distance is None:
            context.console.note(f"  not compared: {found.skipped}")
            return found
        context.console.fact("KL to the base, nats a token", nats(found.distance.mean_nats.value))
        if found.uniform is not None:
            twin = found.uniform
            context.console.fact(
                f"KL of uniform {twin.bits} bit at {twin.stored_bpw:.2f} bits per weight",
                nats(twin.distance.mean_nats.value),
            )
        return found
