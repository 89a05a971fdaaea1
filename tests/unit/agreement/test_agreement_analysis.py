"""The analysis of pairs on simulated people: what was put in comes out, and the verdict says no more than that."""

import re
from dataclasses import asdict, replace

import numpy as np
import pytest

from bleuberi.agreement.analysis import analyse
from bleuberi.agreement.config import Sureness
from bleuberi.agreement.pairs import PreferencePair, Votes
from bleuberi.agreement.scores import Scored
from bleuberi.agreement.verdict import annotators_sentence, verdict, warnings_of
from bleuberi.agreement.view import agreement_section
from bleuberi.errors import UserError
from bleuberi.strict_json import strict_json
from bleuberi.view.markdown import markdown
from bleuberi.view.terminal import print_section

SURENESS = Sureness(resamples=1_500)


def simulate(seed, prompts, per_prompt=4, good=0.75, length=0.65, ties=0.1, source=lambda prompt: "s"):
    """People, and two scores that agree with them at these rates: `good`, and `longer_words`."""
    generator = np.random.default_rng(seed)
    pairs, good_margin, length_margin = [], [], []
    for prompt in range(prompts):
        for _ in range(per_prompt):
            sign = generator.choice([1, -1])
            tie = generator.random() < ties
            winner = "tie" if tie else "a" if sign > 0 else "b"
            pairs.append(
                PreferencePair(
                    "", source(prompt), f"p{prompt}", "x " * 10, "x " * 12, winner, Votes(), (None, None), {}, {}
                )
            )
            good_margin.append(sign * (1 if generator.random() < good else -1) * generator.exponential())
            length_margin.append(sign * (1 if generator.random() < length else -1) * generator.exponential())
    columns = [
        Scored(name, kind, f"{name}|v:1", np.column_stack([margin, np.zeros(len(margin))]))
        for name, kind, margin in (("good", "reward", good_margin), ("longer_words", "baseline", length_margin))
    ]
    return pairs, columns


def run(*given, **options):
    pairs, scored = simulate(*given, **options)
    result = analyse(pairs, scored, {}, SURENESS)
    result["sureness"] = {"confidence": 0.95}
    return result


def entry(result, name):
    return next(one for one in result["rewards"] if one["name"] == name)


def test_rates_and_their_difference_are_found():
    result = run(1, 400)
    good, length = entry(result, "good"), entry(result, "longer_words")
    assert good["agreement"]["value"] == pytest.approx(0.75, abs=0.03)
    binomial_width = 2 * 1.96 * (0.75 * 0.25 / good["agreement"]["n"]) ** 0.5  # these pairs are independent
    assert good["agreement"]["high"] - good["agreement"]["low"] == pytest.approx(binomial_width, rel=0.15)
    comparison = result["comparisons"][0]
    assert (comparison["base"], comparison["other"]) == ("longer_words", "good")
    assert comparison["difference"]["value"] == pytest.approx(good["agreement"]["value"] - length["agreement"]["value"])
    assert comparison["p_value"] < 0.01
    assert good["signature"] == "good|v:1"
    assert "Wilson" in good["agreement"]["method"]
    assert "1,500 resamples" in comparison["difference"]["method"]
    assert result["counts"]["prompts"] == 400
    said = verdict(result, "good", "longer_words")
    assert "good beats it by" in said
    assert "No more prompts are needed" in said
    assert "certain only if" not in said


def test_an_open_question_says_how_many_more_prompts():
    result = run(3, 60, good=0.68)
    comparison = result["comparisons"][0]
    assert comparison["difference"]["low"] < 0 < comparison["difference"]["high"]
    said = verdict(result, "good", "longer_words")
    assert "is not settled" in said
    assert re.search(r"about [\d,]+ more such prompts would settle it \(80 % power\); within a standard error", said)
    assert "No more prompts" not in said


def test_a_worse_reward_is_called_worse():
    assert "good is worse by" in verdict(run(2, 300, good=0.5), "good", "longer_words")


def test_few_prompts_conclude_nothing_even_when_the_interval_is_clear():
    result = run(5, 12, per_prompt=20, good=0.95, length=0.5)
    said = verdict(result, "good", "longer_words")
    assert "nothing can be concluded" in said
    assert "beats" not in said
    assert any("fewer than 30" in line for line in warnings_of(result, {}))


def test_one_prompt_has_no_interval():
    result = run(5, 1, per_prompt=30)
    assert entry(result, "good")["agreement"]["low"] == -np.inf
    assert "nothing can be concluded" in verdict(result, "good", "longer_words")


def test_a_reward_below_a_coin_is_said_to_be():
    said = verdict(run(2, 300, good=0.35, length=0.25), "good", "longer_words")
    assert "good beats it by" in said
    assert said.endswith("good is worse than a coin: it prefers the response that people reject.")
    assert verdict(run(2, 300, good=0.5), "good", "longer_words").endswith("good is not told apart from a coin.")
    assert "coin" not in verdict(run(2, 300, good=0.8), "good", "longer_words")


def test_what_is_sure_as_a_single_question_only_is_not_called_settled():
    """Ten further scores make one family; the interval of the first alone lies above zero, the corrected p does not."""
    pairs, scored = simulate(10, 90, good=0.74)
    generator = np.random.default_rng(5)
    noise = [
        Scored(
            f"noise{n}", "reward", f"n{n}", np.column_stack([generator.normal(size=len(pairs)), np.zeros(len(pairs))])
        )
        for n in range(10)
    ]
    result = {**analyse(pairs, [scored[0], *noise, scored[1]], {}, SURENESS), "sureness": {"confidence": 0.95}}
    lead = next(one for one in result["comparisons"] if (one["base"], one["other"]) == ("longer_words", "good"))
    assert lead["difference"]["low"] > 0
    assert lead["p_value"] > 0.05
    said = verdict(result, "good", "longer_words")
    assert "certain only if this was the only question asked" in said
    assert "No more prompts" not in said
    assert "more such prompts would settle it" in said


def test_all_agree_and_the_interval_has_a_width():
    result = run(1, 30, per_prompt=1, good=1.0, length=1.0, ties=0.0)
    good = entry(result, "good")["agreement"]
    assert (good["value"], round(100 * good["low"]), good["high"]) == (1.0, 88, 1.0)
    (comparison,) = result["comparisons"]
    assert comparison["difference"]["low"] < 0 < comparison["difference"]["high"]
    said = verdict(result, "good", "longer_words")
    assert "100.0 % [87.8, 100.0]" in said
    assert "is not settled, either may be better" in said


def test_three_prompts_conclude_nothing():
    said = verdict(run(5, 3, per_prompt=4, good=1.0, length=0.0), "good", "longer_words")
    assert "nothing can be concluded about others" in said
    assert "No more prompts" not in said


def test_prompts_that_differ_by_white_space_or_case_are_one_cluster():
    pairs, scored = simulate(4, 40, ties=0.0)
    pairs = [replace(pair, prompt=f"P {n // 8}" if n % 2 else f"p  {n // 8}\n") for n, pair in enumerate(pairs)]
    result = analyse(pairs, scored, {}, SURENESS)
    assert result["counts"]["prompts"] == 20
    assert entry(result, "good")["agreement"]["n_clusters"] == 20


def voted(pairs, right):
    """Three annotators per pair, each of whom agrees with people in `right` % of the pairs."""
    sides = {"a": "b", "b": "a"}
    return [
        replace(
            pair,
            votes=Votes.of(pair.winner if (row + 33 * vote) % 100 < right else sides[pair.winner] for vote in range(3)),
            source="even" if row % 2 else "odd",
        )
        for row, pair in enumerate(pairs)
    ]


def test_annotators_are_compared_on_the_same_pairs_and_by_source():
    pairs, scored = simulate(6, 100, good=0.7, ties=0.0)
    half = [pair if row < 200 else replace(pair, votes=Votes()) for row, pair in enumerate(voted(pairs, 95))]
    result = analyse(half, scored, {}, SURENESS)
    assert result["annotators"]["with_others"]["n"] == entry(result, "good")["annotated"]["n"] <= 200
    assert set(result["annotators"]["sources"]) == {"even", "odd"}
    said = annotators_sentence(result, "good")
    assert "of the same pairs. No score is above this ceiling. By source: " in said
    assert annotators_sentence(analyse(pairs, scored, {}, SURENESS), "good") is None


def test_annotators_below_a_score_are_not_a_ceiling():
    pairs, scored = simulate(6, 100, good=0.97, ties=0.0)
    result = analyse(voted(pairs, 70), scored, {}, SURENESS)
    assert "Not a ceiling: good is above it." in annotators_sentence(result, "good")


def test_no_infinite_bound_is_ever_printed(tmp_path, capsys):
    result = run(5, 1, per_prompt=30)
    document = {
        **result, "kind": "pairs", "length_baseline": "longer_words", "sureness": asdict(SURENESS),
        "warnings": warnings_of(result, {}),
        "verdict": verdict(result, "good", "longer_words"),
    }  # fmt: skip
    (tmp_path / "agreement.json").write_text(strict_json(document))
    section = agreement_section(tmp_path, "agreement", "made")
    print_section(section)
    assert "inf" not in capsys.readouterr().out + markdown(section)
    assert "no interval" in document["verdict"]


def test_only_ties_is_an_error():
    with pytest.raises(UserError, match="No pair can be used"):
        run(1, 5, ties=1.1)


def test_one_class_only_is_analysed_and_noted():
    pairs, scored = simulate(1, 40)
    flipped = [Scored(one.name, one.kind, one.signature, one.scores.copy()) for one in scored]
    chosen = []
    for row, pair in enumerate(pairs):
        if pair.winner == "b":  # say the same with the sides swapped
            for one in flipped:
                one.scores[row] = one.scores[row, ::-1]
        chosen.append(
            PreferencePair(
                "", "s", pair.prompt, "x", "y", "tie" if pair.winner == "tie" else "a", Votes(), (None, None), {}, {}
            )
        )
    both, one_class = analyse(pairs, scored, {}, SURENESS), analyse(chosen, flipped, {}, SURENESS)
    assert entry(one_class, "good")["agreement"] == entry(both, "good")["agreement"]
    assert any("wins every decisive pair" in line for line in warnings_of(one_class, {}))
    assert not any("wins every decisive pair" in line for line in warnings_of(both, {}))


def test_pairs_that_one_reward_cannot_score_count_for_none():
    pairs, scored = simulate(1, 50)
    scored[0].scores[:20, 0] = np.nan
    result = analyse(pairs, scored, {}, SURENESS)
    assert result["counts"]["pairs_scored"] == len(pairs) - 20
    assert entry(result, "good")["agreement"]["n"] == entry(result, "longer_words")["agreement"]["n"]
    assert any("20 pairs lack a score" in line for line in warnings_of(result, {}))


def test_sources_and_subsets_partition_the_pairs():
    result = run(1, 90, source=lambda prompt: "big" if prompt < 60 else f"small{prompt}")
    sources = entry(result, "good")["sources"]
    assert list(sources) == ["big", "other (30 sources)"]
    assert sum(one["n"] for one in sources.values()) == result["counts"]["decisive_pairs"]
    subsets = entry(result, "good")["subsets"]
    assert subsets["length_matched"] is None  # 10 words against 12
    assert (
        subsets["people_prefer_longer"]["n"] + subsets["people_prefer_shorter"]["n"]
        == result["counts"]["decisive_pairs"]
    )


def test_all_comparisons_make_one_family():
    pairs, scored = simulate(1, 80)
    scored = [scored[0], Scored("twin", "column", "t", scored[0].scores), scored[1]]
    result = analyse(pairs, scored, {}, SURENESS)
    assert {(one["base"], one["other"]) for one in result["comparisons"]} == {
        ("longer_words", "good"), ("longer_words", "twin"), ("good", "twin")
    }  # fmt: skip
    twins = next(one for one in result["comparisons"] if one["base"] == "good")
    assert (twins["difference"]["value"], twins["p_value"]) == (0.0, 1.0)
