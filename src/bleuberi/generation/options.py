"""The choice of engine, and its options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from bleuberi.cluster.options import ClusterOptions, check_ray
from bleuberi.errors import UserError
from bleuberi.flags import flag
from bleuberi.redaction import redact
from bleuberi.web.address import check_timeout, check_web_address

if TYPE_CHECKING:
    from bleuberi.generation.base import Sampling

MOST_REQUESTS: Final = 4096  # at once; the usual default limit of open files
OPENAI_URL: Final = "https://api.openai.com/v1"
OPENAI_KEY: Final = "OPENAI_API_KEY"  # the environment variable
AUTO: Final = "auto"
"""The engine that is chosen if none is named."""
OPENVINO: Final = "openvino"
_ENGINE_ARGS: Final = {"transformers": ("batch_rows", "batch_tokens", "dtype"), OPENVINO: ("batch_rows", "threads")}
_WITH_FLAGS: Final = ("model", "trust_remote_code", "base_template", "chat_template_kwargs")
_COUNTS: Final = ("batch_rows", "batch_tokens", "threads", "tensor_parallel_size", "pipeline_parallel_size")
PRECISION: Final = ("dtype", "quantization")
"""The engine arguments that decide what the weights are."""


class EngineEntry(NamedTuple):
    """An engine's purpose, the package it needs, and the extra that installs it."""

    summary: str
    package: str
    extra: str


ENGINE_TABLE: Final = {
    AUTO: EngineEntry(
        "openai with --base_url, openvino for an exported folder, else vLLM if it can run, else transformers", "", ""
    ),
    "vllm": EngineEntry("vLLM in this process", "vllm", "vllm"),
    "transformers": EngineEntry("transformers in this process", "transformers", "train"),
    OPENVINO: EngineEntry("OpenVINO GenAI on the CPU, from an exported folder", "openvino_genai", "openvino"),
    "openai": EngineEntry("a server with OpenAI's chat API", "httpx", "openai"),
    "canned": EngineEntry("answers from a file", "", ""),
    "ray": EngineEntry("another engine in each worker of a Ray cluster (--ray_engine)", "ray", "ray"),
}
ENGINES: Final = tuple(ENGINE_TABLE)
"""The names of the engines."""


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """Options of an engine, including the server or file it answers from."""

    base_url: str | None = flag(None, "openai: server address, e.g. http://localhost:8000/v1", metavar="URL")
    concurrency: int = flag(16, "openai: concurrent requests")
    timeout_seconds: float = flag(600.0, "openai: timeout per response")
    api_key_env: str = flag(OPENAI_KEY, "openai: environment variable with the key", metavar="NAME")
    answers: Path | None = flag(None, "canned: JSON lines with id (or prompt) and response", metavar="FILE")
    chat_template_kwargs: Mapping[str, Any] = flag(
        {}, """arguments for the chat template, e.g. '{"enable_thinking": false}', as in training""", metavar="JSON"
    )
    trust_remote_code: bool = flag(False, "run Python code from the model; review it first")
    fold_system: bool = flag(False, "for models without a system turn: put its text before the user's")
    # A name of chat_format.BASE_TEMPLATES.
    base_template: str = flag(
        "plain", "format for models without a template: plain turns, or as in the paper's code",
        choices=("plain", "paper"),
    )  # fmt: skip
    engine_args: Mapping[str, Any] = flag(
        {}, "options of vllm.LLM, e.g. tensor_parallel_size=4, or batch_rows=64 dtype=bfloat16 for transformers, or "
        "batch_rows=64 threads=8 for openvino", metavar="NAME=VALUE", nargs="+",
    )  # fmt: skip
    ray_engine: str = flag(AUTO, "ray: engine of each worker", metavar="ENGINE")
    cluster: ClusterOptions = field(default_factory=ClusterOptions)

    def deciding(self) -> dict[str, Any]:
        """The options that decide how a prompt is rendered and which weights are used, without those at their default.

        They are part of a request: results with two values of one of them are never treated as equal.
        """
        chosen = {
            "base_template": self.base_template if self.base_template != "plain" else None,
            "chat_template_kwargs": dict(self.chat_template_kwargs),
            "fold_system": self.fold_system,
            **{name: self.engine_args.get(name) for name in PRECISION},
        }
        return {name: value for name, value in chosen.items() if value}

    @property
    def url(self) -> str:
        """The server's address; an empty `base_url` stays empty and is rejected later (not OpenAI's server)."""
        return (OPENAI_URL if self.base_url is None else self.base_url).strip().rstrip("/")


@dataclass(frozen=True, slots=True)
class JudgeConfig:
    """The judge's model and the settings for its requests."""

    model: str
    # Groups (other, base); none: what the comparison needs.
    pairs: tuple[tuple[str, str], ...] = flag(
        (), "pairs of models (default: each against the base, and each method against the others)", metavar="A:B"
    )
    options: EngineOptions = field(default_factory=EngineOptions)  # address, name of the key, concurrency, timeout
    max_new_tokens: int = flag(1024, "maximum tokens per reply, including thinking", metavar="N", least=1)
    references: bool = flag(False, "show the judge the references, as a benchmark")  # not as the only right answer
    temperature: float = flag(0.0, "for judges that do not accept 0")

    @property
    def sampling(self) -> Sampling:
        from bleuberi.generation.base import Sampling

        return Sampling(max_new_tokens=self.max_new_tokens, temperature=self.temperature, top_p=1.0)

    def settings(self) -> dict[str, Any]:
        """The settings that decide the verdicts, for the manifest."""
        shown = {"references": "shown"} if self.references else {}
        return {"model": self.model, "url": self.options.url, "sampling": self.sampling.settings(), **shown}

    def signature(self) -> str:
        from bleuberi.artifacts import content_hash

        prompt = content_hash(self.prompt)[:8]
        shown = "|references:shown" if self.references else ""
        return f"judge|model:{self.model}|{self.sampling.signature()}|prompt:{prompt}{shown}|orders:both|v:1"

    @property
    def prompt(self) -> str:
        """The prompt template with its placeholders."""
        from bleuberi.judge_prompt import prompt_text

        return prompt_text(with_references=self.references)


def check_model_name(model: str, flag: str = "--model") -> None:
    """Reject an empty name, for which a server may use any model. Errors: `UserError`."""
    if not model.strip():
        raise UserError(
            f"{flag} is empty.", "Give a model. If it comes from a shell variable, check that the variable is set."
        )


def resolve_engine(engine: str, options: EngineOptions) -> str:
    """The engine that generates responses; for `ray`, its workers' engine. `auto` is resolved if the options suffice.

    Errors: `UserError` for an invalid combination.
    """
    _check_known(engine, "--engine", ENGINES)
    if engine == "ray":
        check_ray()
        options.cluster.check()
        _check_known(options.ray_engine, "--ray_engine", tuple(name for name in ENGINES if name != "ray"))
        engine = options.ray_engine
    elif options.cluster != ClusterOptions() or options.ray_engine != AUTO:
        raise UserError(f"The --ray_ flags have no effect with --engine {engine}.", "Use --engine ray, or omit them.")
    if engine == AUTO and options.base_url is not None:
        engine = "openai"
    if options.base_url is not None and engine != "openai":
        raise UserError(f"--base_url has no effect with --engine {engine}.", "Use --engine openai, or omit it.")
    if (options.answers is not None) != (engine == "canned"):
        raise UserError("--engine canned and --answers FILE must be used together.", "Give both, or neither.")
    if options.chat_template_kwargs and engine == "canned":
        raise UserError("--chat_template_kwargs has no effect with --engine canned.", "Omit it.")
    check_engine_args(engine, options.engine_args)
    if engine == "openai":
        _check_url(options.url)
        check_timeout(options.timeout_seconds, "--timeout_seconds")
    if not 1 <= options.concurrency <= MOST_REQUESTS:
        raise UserError(
            f"Invalid --concurrency {options.concurrency}.",
            f"Give a number from 1 to {MOST_REQUESTS:,}.",
        )
    return engine


def check_engine_args(engine: str, given: Mapping[str, Any]) -> None:
    """Errors: `UserError` for an argument that the engine does not accept, and for an invalid count."""
    if given and engine in ("openai", "canned"):
        raise UserError(f"--engine_args has no effect with --engine {engine}.", "Omit it.")
    accepted = _ENGINE_ARGS.get(engine)
    for name, value in given.items():
        if name in _WITH_FLAGS:
            raise UserError(f"--engine_args cannot set {name}.", "Use its own flag: see --help.")
        if accepted is not None and name not in accepted:
            raise UserError(
                f"The {engine} engine does not accept --engine_args {name}={value!r:.40}.",
                f"It accepts: {', '.join(accepted)}.",
            )
        if name in _COUNTS and (type(value) is not int or value < 1):
            raise UserError(f"Invalid --engine_args {name}={value!r:.40}.", "Give an integer of at least 1.")


def _check_known(engine: str, flag: str, names: tuple[str, ...]) -> None:
    if engine not in names:
        known = "; ".join(f"{name}{_install(ENGINE_TABLE[name])}" for name in names)
        raise UserError(f"Unknown engine {engine!r}.", f"Choose one with {flag}: {known}.")


def _install(entry: EngineEntry) -> str:
    if not entry.package or find_spec(entry.package) is not None:
        return ""
    return f' (not installed: pip install "bleuberi[{entry.extra}]")'


def _check_url(url: str) -> None:
    check_web_address(url, "--base_url")
    if "@" in url.split("/")[2] or redact(url) != url:
        raise UserError(
            "--base_url contains a password or a key, which would be saved in manifests.",
            "Put the key into an environment variable and name it with --api_key_env.",
        )
