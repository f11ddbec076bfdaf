"""LLaMA-Factory, entered by its public registries."""
