"""Model classes for lmms-eval, entered through its `lmms_eval.models` entry points."""

from lmms_eval.models.registry_v2 import ModelManifest

MANIFESTS = (
    ModelManifest(model_id="videokr_vllm", chat_class_path="lmms_eval_tasks.models.videokr_vllm.VideoKRVLLM"),
    ModelManifest(model_id="videokr_hf", chat_class_path="lmms_eval_tasks.models.videokr_hf.VideoKRHF"),
)
