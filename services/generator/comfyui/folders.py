"""In which folder of a ComfyUI server the model belongs that a loader asks for. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeGuard

MODEL_FILES = (".safetensors", ".sft", ".ckpt", ".pt", ".pt2", ".pth", ".bin", ".gguf", ".onnx", ".task")

_BY_LOADER: Mapping[tuple[str, str], str] = {
    ("CLIPVisionLoader", "clip_name"): "clip_vision",
    ("UpscaleModelLoader", "model_name"): "upscale_models",
    ("LatentUpscaleModelLoader", "model_name"): "latent_upscale_models",
    ("FrameInterpolationModelLoader", "model_name"): "frame_interpolation",
    ("OpticalFlowLoader", "model_name"): "optical_flow",
    ("ModelPatchLoader", "name"): "model_patches",
}
_BY_INPUT: Mapping[str, str] = {
    "ckpt_name": "checkpoints",
    "unet_name": "diffusion_models",
    "vae_name": "vae",
    "clip_name": "text_encoders",
    "clip_name1": "text_encoders",
    "clip_name2": "text_encoders",
    "clip_name3": "text_encoders",
    "clip_name4": "text_encoders",
    "text_encoder": "text_encoders",
    "lora_name": "loras",
    "control_net_name": "controlnet",
    "audio_encoder_name": "audio_encoders",
    "style_model_name": "style_models",
    "gligen_name": "gligen",
    "hypernetwork_name": "hypernetworks",
    "photomaker_model_name": "photomaker",
}


def is_model_file(value: object) -> TypeGuard[str]:
    """True for a name that ends as files of model weights do."""
    return isinstance(value, str) and value.lower().endswith(MODEL_FILES)


def folder_of(class_type: str, name: str) -> str:
    """The folder below `models/` for the input `name` of a loader; "" when the loader is not known."""
    return _BY_LOADER.get((class_type, name), _BY_INPUT.get(name, ""))
