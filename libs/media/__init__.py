"""Media as files: frame arithmetic, ffmpeg as a process, probes behind guards, decoded sound."""
