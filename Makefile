# Beatloom. `make` alone prints this help.

.DEFAULT_GOAL := help
.PHONY: help setup video test test-all test-faults test-songs test-n8n check docs gallery bench lock clean
MAKEFLAGS += --no-builtin-rules --no-print-directory

PYTHON ?=
BIN := .venv/bin
TEST_JOBS ?= 3
ARGS ?=

# What a person names may hold quotes, `$` and spaces: it goes by the environment, never through make's
# own expansion or the shell's.
VIDEO_VARIABLES := SONG IMAGE PROMPT LYRICS LYRICS_STYLE TITLE STYLE ASPECT HEIGHT FPS SEED OUT PREVIEW \
	SCRIPT MUSIC MUSIC_PROMPT PROMPTS VOICE SPEED LANGUAGE
unexport $(VIDEO_VARIABLES)
$(foreach name,$(VIDEO_VARIABLES),$(eval export VIDEO_$(name) := $$(value $(name))))

# Install one lock with the first Python that can.
define install
@for python in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$python" -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
	exec "$$python" locks/manage.py install $(1); \
done; \
echo 'error: Beatloom needs Python 3.11 or newer with venv (Debian, Ubuntu: apt install python3-venv).' >&2; exit 1
endef

help: ## This help
	@echo 'make video SONG=path/to/song.mp3   sets everything up, renders song.beatloom.mp4'
	@echo '           IMAGE= TITLE= LYRICS= STYLE= ASPECT= PROMPT= LYRICS_STYLE= HEIGHT= FPS= SEED= OUT=   if wanted'
	@echo '           PREVIEW=1: a small one first, in seconds; it names the seed'
	@echo '           without SONG: a short sample song'
	@echo 'make video SCRIPT=path/to/text.txt the same of a text that a voice speaks'
	@echo '           MUSIC= MUSIC_PROMPT= PROMPTS= VOICE= SPEED= LANGUAGE= and what is named above, if wanted'
	@echo 'make test                          sets everything up, passes the tests, makes a video of the sample'
	@echo
	@echo 'make setup        .venv from the locks, nothing else'
	@echo 'make check        format, lint, strict types, import contracts, unit tests: quick'
	@echo 'make test-all     all tests, the long ones too: an hour'
	@echo 'make test-faults  each process killed at each stage: long'
	@echo 'make test-songs   every song with known truth becomes a video: long'
	@echo 'make test-n8n     the flows of n8n-flows in a real n8n: needs npm, 3 GB and 15 minutes the first time'
	@echo 'make docs         writes the pages that come from the code'
	@echo 'make bench        what drawing, whole videos and the API cost: 20 minutes'
	@echo 'make gallery      draws every look for docs/looks.md'
	@echo 'make lock         the locks anew after a change of dependencies (ARGS=--upgrade: newest versions)'
	@echo 'make clean        removes what tests and builds leave behind (.venv stays)'

setup:
	$(call install,dev)

# An option for each variable that is set: --prompt="$VIDEO_PROMPT".
define video_options
set --; \
[ -z "$$VIDEO_IMAGE" ] || set -- "$$@" "--image=$$VIDEO_IMAGE"; \
[ -z "$$VIDEO_PROMPT" ] || set -- "$$@" "--prompt=$$VIDEO_PROMPT"; \
[ -z "$$VIDEO_LYRICS" ] || set -- "$$@" "--lyrics=$$VIDEO_LYRICS"; \
[ -z "$$VIDEO_LYRICS_STYLE" ] || set -- "$$@" "--lyrics-style=$$VIDEO_LYRICS_STYLE"; \
[ -z "$$VIDEO_TITLE" ] || set -- "$$@" "--title=$$VIDEO_TITLE"; \
[ -z "$$VIDEO_STYLE" ] || set -- "$$@" "--style=$$VIDEO_STYLE"; \
[ -z "$$VIDEO_ASPECT" ] || set -- "$$@" "--aspect=$$VIDEO_ASPECT"; \
[ -z "$$VIDEO_HEIGHT" ] || set -- "$$@" "--height=$$VIDEO_HEIGHT"; \
[ -z "$$VIDEO_FPS" ] || set -- "$$@" "--fps=$$VIDEO_FPS"; \
[ -z "$$VIDEO_SEED" ] || set -- "$$@" "--seed=$$VIDEO_SEED"; \
[ -z "$$VIDEO_OUT" ] || set -- "$$@" "--output=$$VIDEO_OUT"; \
[ -z "$$VIDEO_PREVIEW" ] || set -- "$$@" --preview; \
[ -z "$$VIDEO_MUSIC" ] || set -- "$$@" "--music=$$VIDEO_MUSIC"; \
[ -z "$$VIDEO_MUSIC_PROMPT" ] || set -- "$$@" "--music-prompt=$$VIDEO_MUSIC_PROMPT"; \
[ -z "$$VIDEO_PROMPTS" ] || set -- "$$@" "--prompts=$$VIDEO_PROMPTS"; \
[ -z "$$VIDEO_VOICE" ] || set -- "$$@" "--voice=$$VIDEO_VOICE"; \
[ -z "$$VIDEO_SPEED" ] || set -- "$$@" "--speed=$$VIDEO_SPEED"; \
[ -z "$$VIDEO_LANGUAGE" ] || set -- "$$@" "--language=$$VIDEO_LANGUAGE"
endef

video:
	$(call install,standalone)
	@$(video_options); \
	if [ -n "$$VIDEO_SCRIPT" ]; then \
		exec $(BIN)/beatloom render "$$@" "--script=$$VIDEO_SCRIPT" $${VIDEO_SONG:+-- "$$VIDEO_SONG"}; \
	fi; \
	[ -n "$$VIDEO_SONG" ] || $(BIN)/python examples/make_sample.py build/sample.wav; \
	exec $(BIN)/beatloom render "$$@" -- "$${VIDEO_SONG:-build/sample.wav}"

test: setup
	@echo 'A video of the sample song first.'
	@place=$$(mktemp -d) && trap 'rm -rf "$$place"' EXIT && \
	$(MAKE) video SONG= HEIGHT=360 OUT="$$place/sample.mp4"
	@$(BIN)/python -m pytest -n $(TEST_JOBS) --dist worksteal -m 'not matrix' $(ARGS) || { [ $$? -eq 1 ] && \
	echo 'What failed once more, alone: a machine that stalls for seconds breaks what waits for a clock.' && \
	$(BIN)/python -m pytest --last-failed --last-failed-no-failures none -m 'not matrix' $(ARGS); }

test-all: setup
	@$(BIN)/python -m pytest -n $(TEST_JOBS) --dist worksteal $(ARGS)

test-faults: setup
	@$(BIN)/python -m pytest tests/faults tests/integration/ingest/test_ledger_crashes.py tests/e2e/test_gpu_servers.py $(ARGS)

test-songs: setup
	@$(BIN)/python -m pytest tests/e2e/test_songs.py $(ARGS)

test-n8n: setup
	@$(BIN)/python tests/n8n/install.py
	@$(BIN)/python -m pytest tests/n8n $(ARGS)

check: setup
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m pytest -q -n $(TEST_JOBS) tests/unit $(ARGS)

docs: setup
	@$(BIN)/python docs/generate.py

bench: setup
	@$(BIN)/python benchmarks/looks.py
	@$(BIN)/python benchmarks/pool.py
	@$(BIN)/python -m benchmarks.api --json
	@$(BIN)/python -m benchmarks.script --json
	@$(BIN)/python benchmarks/render.py --json $(ARGS)

gallery: setup
	@$(BIN)/python docs/gallery.py

lock: setup
	@$(BIN)/python locks/manage.py compile $(ARGS)

clean:
	rm -rf build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -not -path './.venv/*' -prune -exec rm -rf {} +
