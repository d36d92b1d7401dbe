"""The backend that renders on ComfyUI servers."""
