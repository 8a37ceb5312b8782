"""Bulk re-carding: plan, look, apply, undo; no weights are downloaded."""
