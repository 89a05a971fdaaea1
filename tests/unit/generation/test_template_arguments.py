"""Arguments of a chat template hold wherever a prompt is rendered, and wrong ones are told."""

import json

import pytest

from bleuberi.errors import UserError
from bleuberi.generation import EngineOptions, engine_identity, load_engine
from bleuberi.generation.base import Sampling
from bleuberi.generation.chat_format import prompt_ids, refuse_unfit_template, with_template_kwargs
from bleuberi.records import Conversation
from tests.conftest import make_tokenizer

pytest.importorskip("transformers")

THINKING = (
    "{%- for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% if enable_thinking is defined and not enable_thinking %}"
    "<think>\n\n</think>\n\n{% endif %}{% endif %}"
)
ASKED = [{"role": "user", "content": "Hi?"}]


def tokenizer_with(template):
    return make_tokenizer(["<|endoftext|>", "<|im_start|>", "<|im_end|>"], "<|im_end|>", template)


def rendered(tokenizer, **kwargs):
    return tokenizer.apply_chat_template(ASKED, tokenize=False, add_generation_prompt=True, **kwargs)


def test_they_become_the_templates_defaults():
    plain = tokenizer_with(THINKING)
    silent = with_template_kwargs(plain, {"enable_thinking": False})
    assert rendered(silent) == rendered(plain, enable_thinking=False) != rendered(plain)
    assert rendered(silent, enable_thinking=True) == rendered(plain), "a caller's own value wins"
    assert plain.decode(prompt_ids(silent, ASKED)) == rendered(silent)
    assert with_template_kwargs(silent, {"enable_thinking": False}).chat_template == silent.chat_template
    assert with_template_kwargs(plain, {}) is plain


@pytest.mark.parametrize(
    "value", [None, True, 0, -1.5, "", "a \"quoted\" 'text'\nwith {{ braces }} and é 🙂", ["a", 1], {"a b": [None]}]
)
def test_every_json_value_arrives(value):
    tokenizer = tokenizer_with("\n{{ messages[0].content }} {{ thing | tojson }}{% if thing is none %} none{% endif %}")
    assert rendered(with_template_kwargs(tokenizer, {"thing": value})) == rendered(tokenizer, thing=value)


@pytest.mark.parametrize(
    ("name", "cure"),
    [("enable_thinkng", "Did you mean enable_thinking?"), ("zzz", "Read the template"), ("messages", "")],
)
def test_an_argument_that_the_template_does_not_have_is_told(name, cure):
    with pytest.raises(UserError) as caught:
        with_template_kwargs(tokenizer_with(THINKING), {name: False})
    assert f"has no argument {name}." in caught.value.what
    assert caught.value.cure.startswith(cure)


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{% for m in messages %}{% for part in m.content %}{{ part.text }}{% endfor %}{% endfor %}", "omits the text"),
        ("{% for m in messages %}{{ m.content[0]['type'].text.upper() }}{% endfor %}", "cannot render plain text"),
        ("{{ raise_exception('only images') }}", "cannot render plain text: only images."),
    ],
)
def test_a_template_that_renders_no_text_is_refused(template, said):
    with pytest.raises(UserError) as caught:
        refuse_unfit_template(tokenizer_with(template))
    assert said in caught.value.what
    assert "Use a text model" in caught.value.cure


@pytest.fixture
def models(tiny_model, tmp_path):
    """The tiny model with a template that has the argument, and with the same one that needs none."""
    import shutil

    folders = []
    for name, template in (("asks", THINKING), ("silent", "{% set enable_thinking = false %}" + THINKING)):
        folder = shutil.copytree(tiny_model, tmp_path / name)
        (folder / "chat_template.jinja").write_text(template, encoding="utf-8")
        folders.append(str(folder))
    return folders


def test_an_engine_asks_with_them_and_its_answers_have_a_key_of_their_own(models):
    asks, silent = models
    options = EngineOptions(chat_template_kwargs={"enable_thinking": False})

    def answer(model, options):
        engine = load_engine(model, "transformers", options)
        conversation = Conversation("a", ASKED)
        return engine.generate([conversation], Sampling(max_new_tokens=12, temperature=0.0), 0, lambda output: None)

    assert answer(asks, options) == answer(silent, EngineOptions()) != answer(asks, EngineOptions())
    keys = {engine_identity(asks, "transformers", chosen).key() for chosen in (options, EngineOptions())}
    assert len(keys) == 2
    servers = {engine_identity("m", "openai", chosen).key() for chosen in (options, EngineOptions())}
    assert len(servers) == 2


def test_the_flag_takes_a_json_object():
    from bleuberi.cli.engine_flags import add_engine_flags, take_engine_options
    from bleuberi.cli.parser import Parser

    def options(*words):
        parser = Parser("test", "A test.")
        add_engine_flags(parser)
        arguments = vars(parser.parse_args(words))
        take_engine_options(arguments)
        return arguments["engine_options"]

    assert options("--chat_template_kwargs", json.dumps({"a": [1]})).chat_template_kwargs == {"a": [1]}
    assert options().chat_template_kwargs == {}
    with pytest.raises(UserError, match="must be a JSON object"):
        options("--chat_template_kwargs", "enable_thinking=false")
