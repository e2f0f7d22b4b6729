# Every command a person or a check uses. Bare `make` lists them.
#
#   PYTHON=python3.12   the interpreter that .venv is made with (default: the first one found that is 3.11 or newer)
#   CI=true             install the exact versions and hashes of requirements.lock

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet --no-input
DEV := .venv/.installed-dev
DEMO := .venv/.installed-demo
BENCH := .venv/.installed-bench
APP := .venv/.installed-app
# The demo takes a complete .venv as it is; otherwise it installs no more than it needs.
DEMO_NEEDS := $(if $(wildcard $(DEV)),$(DEV),$(DEMO))

.PHONY: help
help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(DEMO_NEEDS)  ## Two phones and a backend, cut and killed at random: nothing lost (DEMO_TEXT=file: your own lines)
	@$(BIN)/python -m tests.chaos.demo

.PHONY: chaos
chaos: $(DEMO_NEEDS)  ## The same in many short rounds of random faults (ROUNDS=50, SEED=number)
	@ROUNDS="$(ROUNDS)" SEED="$(SEED)" $(BIN)/python -m tests.chaos.chaos

.PHONY: sim
sim: $(DEV)  ## Whole systems in virtual time, everything crashed (SEEDS=2000, START=number; SEED=number: one; FILES=0.5)
	@SEEDS="$(SEEDS)" START="$(START)" SEED="$(SEED)" KEEP="$(KEEP)" SAY="$(SAY)" FAILED="$(FAILED)" FILES="$(FILES)" \
		$(BIN)/python -m tests.simulation

.PHONY: sim-exhaustive
sim-exhaustive: $(DEV)  ## Two phones and one message, crashed at every commit and cut at every message, one by one and in pairs
	@$(BIN)/python -m tests.simulation.exhaustive

.PHONY: sim-mutants
sim-mutants: $(DEV)  ## Plant defects in the product and see the simulator find each (KNOWN=1: by the seeds known to)
	@KNOWN="$(KNOWN)" $(BIN)/python -m tests.simulation.mutants

.PHONY: power-cut
power-cut: $(DEV)  ## Cut a server's power before each sync of a recorded load: nothing acknowledged is lost (SAMPLES=3)
	@command -v strace >/dev/null || { $(INSTALL_STRACE); }
	@SAMPLES="$(SAMPLES)" MESSAGES="$(MESSAGES)" SEED="$(SEED)" $(BIN)/python -m tests.power_cut

.PHONY: soak
soak: $(DEV)  ## Kills, cuts, floods and slow readers at once: nothing lost, memory and files flat (MINUTES=10, SEED=number)
	@MINUTES="$(MINUTES)" SEED="$(SEED)" $(BIN)/python -m tests.soak

.PHONY: interop
interop: $(DEV)  ## Our ratchet talks to python-doubleratchet, vodozemac and libsignal, as far as they are installed
	@$(BIN)/python -m tests.interop

.PHONY: prove
prove: $(DEV)  ## Check the ProVerif models of handshake and device linking, where ProVerif is installed
	@$(BIN)/python -m docs.models

.PHONY: test
test: lint types layers  ## Every check: style, types, layers, tests (under 3 minutes)
	@$(BIN)/python -m pytest -n 2

.PHONY: test-slow
test-slow: $(DEV)  ## The tests that take long: the model against the product, every point in small, conversations of the benches
	@$(BIN)/python -m pytest -n 2 -m slow

.PHONY: bench-wire
bench-wire: $(DEV)  ## Bytes on the wire, and round trips until the first queued message is acknowledged
	@$(BIN)/python -m benchmarks.wire

.PHONY: bench-sdk
bench-sdk: $(DEV)  ## Import time, memory when idle, sends and turns per second, lists and searches
	@$(BIN)/python -m benchmarks.sdk

.PHONY: bench-server-quick
bench-server-quick: $(DEV)  ## CPU of a message and memory of an idle link in the server
	@$(BIN)/python -m benchmarks.server

.PHONY: bench-server
bench-server: $(BENCH)  ## The same beside ejabberd, prosody, mosquitto and nats, with mail, logins and a profile (ONLY=onebar,nats)
	@ONLY="$(ONLY)" ROUND_S="$(ROUND_S)" $(BIN)/python -m benchmarks.servers

.PHONY: bench-scale
bench-scale: $(BENCH)  ## CPU of a message at 100 to 10,000 links, and where 10³ to 10⁵ messages wait (FULL=1: 10⁷)
	@FULL="$(FULL)" $(BIN)/python -m benchmarks.scale

.PHONY: bench-weak
bench-weak: $(BENCH)  ## One conversation over weak networks, by Onebar and its peers (FULL=1, PHOTOS=1, ONLY=tunnel,edge, SEED=number)
	@FULL="$(FULL)" ONLY="$(ONLY)" PEERS="$(PEERS)" SEED="$(SEED)" PHOTOS="$(PHOTOS)" \
		$(BIN)/python -m benchmarks.weak

.PHONY: bench-storm
bench-storm: $(BENCH)  ## 5,000 phones and a backend that restarts: who is back when, and is all mail there (PHONES=500)
	@PHONES="$(PHONES)" $(BIN)/python -m benchmarks.storm

.PHONY: bench-idle
bench-idle: $(DEV)  ## Bytes and wake-ups of an idle phone in an hour, for each keepalive
	@$(BIN)/python -m benchmarks.idle

.PHONY: bench-weather
bench-weather: $(DEV)  ## The emulated networks through the proxy, measured against their own numbers
	@$(BIN)/python -m benchmarks.weather

.PHONY: netns
netns: $(DEV)  ## Packets lost between two kernels: Onebar across two namespaces, and the emulator measured (root; SEED=number, ONLY=edge)
	@SEED="$(SEED)" ONLY="$(ONLY)" $(BIN)/python -m tests.netns

# What `make loadtest` passes on; docs/load-testing.md says what each is.
LOADTEST := PHONES MINUTES WEATHER WORKLOAD SHAPE EVERY READERS PHOTOS PROXIED CROWD SETTLE SPEED LOG SEED ROGUES THRESHOLDS \
	METRICS_PORT BACKEND_CPU PROCESSES HOST

.PHONY: loadtest
loadtest: $(DEV)  ## Real phones on bad networks, in Locust (PHONES=500, MINUTES=2, WEATHER=commute, PHOTOS=0.1, SHAPE=storm, …)
	@$(foreach name,$(LOADTEST),$(name)="$($(name))") $(BIN)/python -m onebar_loadtest

.PHONY: bench-crypto
bench-crypto: $(DEV)  ## Sealing and opening 100 bytes, beside vodozemac, python-doubleratchet and libsignal
	@$(BIN)/python -m benchmarks.crypto

.PHONY: mutants-crypto
mutants-crypto: $(DEV)  ## Change the cryptography in small ways: a test must notice (up to an hour; ONLY=double_ratchet,sessions)
	@ONLY="$(ONLY)" $(BIN)/python -m tests.mutation

.PHONY: bench-media
bench-media: $(DEV)  ## Photos, videos, voice notes: bytes at equal quality, memory, uploads (MEDIA=folder of samples; PARTS=kills,texts; NETWORKS=edge)
	@MEDIA="$(MEDIA)" PARTS="$(PARTS)" NETWORKS="$(NETWORKS)" $(BIN)/python -m benchmarks.media

.PHONY: app
app: $(APP)  ## The messenger: two windows, two accounts, a backend on this machine, and weather to switch
	@$(BIN)/python -m onebar_app.demo

.PHONY: screenshots
screenshots: $(APP)  ## Every screen of the app into build/screenshots, offscreen (ONLY=chat,settings, SIZES=phone)
	@ONLY="$(ONLY)" SIZES="$(SIZES)" $(BIN)/python -m tests.app.screenshots

.PHONY: test-app
test-app: $(APP)  ## The app's tests with fingers, offscreen; they say so where there is no OpenGL
	@$(BIN)/python -m pytest -m window tests/app/ui

.PHONY: bench-app
bench-app: $(APP)  ## Frames, opening, start and memory of the app with 5,000 messages, beside Kivy's own list (MESSAGES=500)
	@MESSAGES="$(MESSAGES)" $(BIN)/python -m benchmarks.app

.PHONY: fuzz
fuzz: $(DEV)  ## Hostile bytes for both ends, changed from valid ones (EXAMPLES=100000, SEED=number)
	@EXAMPLES="$(EXAMPLES)" SEED="$(SEED)" $(BIN)/python -m tests.hostile.fuzz

.PHONY: api-fuzz
api-fuzz: $(DEV)  ## schemathesis against the HTTP API and its OpenAPI description (EXAMPLES=100, SEED=number)
	@EXAMPLES="$(EXAMPLES)" SEED="$(SEED)" $(BIN)/python -m tests.hostile.api

.PHONY: setup
setup: $(DEV)  ## Make .venv with all that development needs
	@echo "Ready: $$($(BIN)/python --version) in .venv"

.PHONY: lint
lint: $(DEV)  ## ruff: rules and format
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check . || { echo "Not formatted: run make format"; exit 1; }

.PHONY: types
types: $(DEV)  ## mypy, strict
	@$(BIN)/mypy --no-error-summary sdk mockserver loadtest kivy_app tests benchmarks docs

.PHONY: layers
layers: $(DEV)  ## import-linter: who may import whom
	@$(BIN)/lint-imports --no-logo

.PHONY: format
format: $(DEV)  ## Let ruff format the code and sort the imports
	@$(BIN)/ruff check --quiet --select I --fix .
	@$(BIN)/ruff format .

.PHONY: pictures
pictures: $(DEV)  ## Draw the docs' generated pictures again
	@$(BIN)/python docs/pictures/link_states.py

.PHONY: wheel
wheel: $(DEV)  ## Build dist/*.whl and dist/*.tar.gz
	@$(BIN)/python -m build --no-isolation

.PHONY: lock
lock: $(DEV)  ## Choose the versions of requirements.lock anew (UPGRADE=1: the newest of all)
	@$(BIN)/python -c 'import uv' 2>/dev/null || $(PIP) install uv
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --extra dev \
		$(if $(UPGRADE),--upgrade) --no-emit-index-url --no-emit-find-links \
		--custom-compile-command "make lock" --output-file requirements.lock pyproject.toml

.PHONY: clean
clean:  ## Remove .venv, caches and everything built
	@rm -rf .venv build dist .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis \
		.import_linter_cache
	@find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +

# A virtual environment whose interpreter is gone (an upgraded system) is made and filled anew.
$(shell test -x $(BIN)/python || rm -f $(DEV) $(DEMO) $(BENCH) $(APP))
$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Onebar needs Python 3.11 or newer, and none was found."; \
		echo "On Debian or Ubuntu: apt-get install python3 python3-venv. Elsewhere: make PYTHON=/path/to/python3"; \
		exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Onebar needs Python 3.11 or newer; $(PYTHON) is older, or cannot be run."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { $(INSTALL_VENV); }
	@echo "Making .venv with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv --clear .venv

# Debian ships the standard library without ensurepip. Only a CI machine, where nobody reads, gets it by itself.
define INSTALL_VENV
echo "$(PYTHON) cannot make virtual environments: Debian and Ubuntu keep that part in a package of its own."; \
if [ -n "$$CI" ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	echo "This is a CI machine: installing python3-venv."; \
	apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y python3-venv >/dev/null; \
else \
	echo "Install it with:  sudo apt-get install python3-venv     then run make again."; exit 1; \
fi
endef

$(DEV): pyproject.toml requirements.lock | $(BIN)/python
	@echo "Installing what development needs into .venv (a minute or two the first time)"
ifdef CI
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
else
	@$(PIP) install -e '.[dev]'
endif
	@touch $@

$(BENCH): $(DEV)
	@echo "Installing the peers' Python clients into .venv (half a minute the first time)"
	@$(PIP) install --no-build-isolation -e '.[bench]'
	@touch $@

$(APP): $(DEV)
	@echo "Installing Kivy into .venv (half a minute the first time)"
	@$(PIP) install --no-build-isolation -e '.[app]'
	@$(BIN)/python -c 'import ctypes.util, sys; sys.exit(sys.platform == "linux" and not ctypes.util.find_library("GL"))' \
		|| { $(INSTALL_GL); }
	@touch $@

# The server's writes are recorded by strace. Only a CI machine, where nobody reads, gets it by itself.
define INSTALL_STRACE
if [ -n "$$CI" ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	echo "This is a CI machine: installing strace."; \
	apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y strace >/dev/null; \
else \
	echo "strace is not there. On Debian or Ubuntu: apt-get install strace"; exit 1; \
fi
endef

# Kivy's wheel has everything but OpenGL. Only a CI machine, where nobody reads, gets it by itself.
define INSTALL_GL
if [ -n "$$CI" ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	echo "This is a CI machine: installing OpenGL that draws by software."; \
	apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
		libgl1 libgl1-mesa-dri libegl1 libgles2 >/dev/null; \
else \
	echo "The app needs OpenGL. On Debian or Ubuntu: apt-get install libgl1 libgl1-mesa-dri libegl1 libgles2"; exit 1; \
fi
endef

$(DEMO): pyproject.toml | $(BIN)/python
	@echo "Installing what the demo needs into .venv (half a minute the first time)"
	@$(PIP) install -e '.[demo]'
	@touch $@
