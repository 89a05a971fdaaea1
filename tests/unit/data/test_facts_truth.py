"""Which facts a response mentions: forms, negations, contradictions, names, E2E's vocabulary, attempts to game it."""

import json
from random import Random

import pytest

from bleuberi.data.facts_e2e import E2E_FORMS
from bleuberi.data.facts_slots import SLOTS
from bleuberi.data.facts_truth import facts_mentioned, normalized, share_mentioned
from bleuberi.data.pool import read_pool
from bleuberi.demo.facts_domains import CLOSERS, DOMAINS
from bleuberi.demo.facts_pool import generate, preset
from tests.conftest import DATA

E2E = DATA / "dev_pool_e2e.jsonl.gz"


def mentions(slot, value, response):
    return facts_mentioned({slot: value}, response)[slot]


@pytest.mark.parametrize(
    ("slot", "value", "response"),
    [
        ("name", "Golden Finch", "Try the **Golden Finch**!"),
        ("name", "Café Sicilia", "It is near Cafe Sicilia."),
        ("cuisine", "Thai", "It serves THAI food."),
        ("dogs", "yes", "A dog-friendly pub."),
        ("dogs", "yes", "Dogs are welcome."),
        ("dogs", "no", "Dogs are not allowed here."),
        ("dogs", "no", "It doesn't allow dogs."),
        ("dogs", "no", "It isn’t dog friendly."),
        ("dogs", "no", "No dogs are allowed."),
        ("starts", "19:30", "at 7:30 pm"),
        ("starts", "19:30", "at 7.30pm"),
        ("starts", "19:30", "at 7:30 P.M. sharp"),
        ("starts", "19:30", "at 19:30."),
        ("starts", "19:30", "at half past seven"),
        ("starts", "18:00", "from six o'clock"),
        ("starts", "18:00", "from 6pm"),
        ("ticket", "12", "for £12."),
        ("ticket", "12", "Tickets are 12 pounds, sorry."),
        ("ticket", "12", "for twelve pounds"),
        ("ticket", "12", "for £12.00 each"),
        ("ticket", "0", "Entry is free."),
        ("rain", "40", "a 40% chance"),
        ("rain", "40", "forty per cent"),
        ("high", "18", "up to 18°C"),
        ("weight", "3", "It weighs 3kg."),
        ("warranty", "5", "with a five-year warranty"),
        ("day", "Monday", "It is open on Mondays."),
        ("price", "low", "It is not expensive but cheap."),
        ("price", "low", "It is not only cheap."),
    ],
)
def test_a_fact_is_mentioned_in_any_of_its_forms(slot, value, response):
    assert mentions(slot, value, response)


@pytest.mark.parametrize(
    ("slot", "value", "response"),
    [
        ("name", "Golden Finch", "Golden, said the Finch."),
        ("name", "Golden Finch", "Golden Finches"),
        ("name", "", "Anything"),
        ("cuisine", "Thai", "A trip to Thailand."),
        ("cuisine", "Thai", "It serves Thai and Greek food."),
        ("cuisine", "Thai", "It does not serve Thai food."),
        ("dogs", "yes", "It is not dog-friendly."),
        ("dogs", "yes", "Dogs are not allowed."),
        ("dogs", "no", "It is dog-friendly."),
        ("dogs", "yes", "It is dog-friendly, but it bans dogs."),
        ("dogs", "yes", "It sells food to every dog. Friendly staff."),
        ("starts", "18:00", "at 6:30 pm"),
        ("starts", "18:00", "at 16 pm"),
        ("ticket", "12", "for £120"),
        ("ticket", "12", "12 people pound the door"),
        ("price", "high", "It is inexpensive."),
        ("price", "low", "It isn't a cheap place."),
        ("day", "Monday", "Monday or Tuesday"),
        ("day", "Monday", ""),
    ],
)
def test_a_fact_is_not_mentioned_by_halves_negations_or_two_values(slot, value, response):
    assert not mentions(slot, value, response)


@pytest.mark.parametrize(
    ("facts", "response"),
    [
        ({"familyFriendly": "yes"}, "A kid friendly pub."),
        ({"familyFriendly": "yes"}, "Families are welcome."),
        ({"familyFriendly": "yes"}, "A place for the whole family."),
        ({"familyFriendly": "no"}, "It isn't child-friendly."),
        ({"familyFriendly": "no"}, "A non-family-friendly pub."),
        ({"familyFriendly": "no"}, "It is not suitable for children."),
        ({"familyFriendly": "no"}, "An adults only pub."),
        ({"priceRange": "less than £20"}, "with low prices"),
        ({"priceRange": "less than £20"}, "meals under £20"),
        ({"priceRange": "more than £30"}, "prices above 30 pounds"),
        ({"priceRange": "£20-25"}, "in the £20 to £25 range"),
        ({"priceRange": "moderate"}, "a moderately expensive pub"),
        ({"rating": "5 out of 5"}, "a five-star rating"),
        ({"rating": "1 out of 5"}, "rated 1 out of 5 stars"),
        ({"rating": "average", "priceRange": "high"}, "Average ratings, high prices."),
        ({"area": "city centre"}, "in the center of the city"),
        ({"food": "English"}, "British food"),
        ({"near": "Café Sicilia", "eatType": "pub"}, "a pub near Café Sicilia"),
        ({"near": "Raja Indian Cuisine", "food": "French"}, "French food by the Raja Indian Cuisine"),
    ],
)
def test_the_vocabulary_of_e2e(facts, response):
    assert all(facts_mentioned(facts, response).values())


@pytest.mark.parametrize(
    ("facts", "response"),
    [
        ({"familyFriendly": "yes"}, "It is not family friendly."),
        ({"familyFriendly": "no"}, "It is family friendly."),
        ({"familyFriendly": "yes"}, "familyFriendly: yes"),
        ({"rating": "high"}, "high prices"),
        ({"rating": "high"}, "a customer rating of 3 out of 5"),
        ({"priceRange": "cheap"}, "cheap or expensive"),
        ({"area": "riverside"}, "by the river in the city centre"),
        ({"eatType": "restaurant"}, "a coffee shop"),
    ],
)
def test_what_is_no_mention_in_the_vocabulary_of_e2e(facts, response):
    assert not any(facts_mentioned(facts, response).values())


def all_values(domain, facts):
    slots = [slot for slot in facts if slot in SLOTS]
    return " ; ".join(value.forms[0] for slot in slots for value in SLOTS[slot].values)


def test_a_list_of_all_values_mentions_no_fact_but_the_names():
    by_name = {f"facts/{domain.name}": domain for domain in DOMAINS}
    for row in generate(preset("learn", rows=60)):
        facts = row["x_facts"]
        found = facts_mentioned(facts, all_values(by_name[row["source"]], facts))
        assert [slot for slot, hit in found.items() if hit] == []


def test_words_in_random_order_mention_less():
    draw = Random(0)
    rows = list(generate(preset("learn", rows=200)))
    shares = []
    for row in rows:
        words = row["ref_output_gold"].split()
        draw.shuffle(words)
        shares.append(share_mentioned(row["x_facts"], " ".join(words)))
    assert sum(shares) / len(shares) < 0.65  # facts of one word survive: the bag's limit


def test_forms_of_a_value_are_in_no_form_of_another_value_slot_name_or_pattern():
    for domain in DOMAINS:
        closed = [slot for slot in (*domain.core, *domain.optional) if slot in SLOTS]
        forms = [
            ((slot, value.key), f" {normalized(form)} ")
            for slot in closed
            for value in SLOTS[slot].values
            for form in value.forms
        ]
        texts = [("text", f" {normalized(text)} ") for text in (*domain.patterns, *CLOSERS)]
        texts += [("name", f" {normalized(name)} ") for names in domain.names.values() for name in names]
        clashes = [(one, two) for one in forms for two in forms + texts if one[0] != two[0] and one[1] in two[1]]
        assert clashes == []


def test_slots_of_the_generated_pool_and_of_e2e_have_different_names():
    assert not SLOTS.keys() & E2E_FORMS.keys()
    assert not {name for domain in DOMAINS for name in domain.names} & (SLOTS.keys() | E2E_FORMS.keys())


def test_every_wording_says_its_value_and_no_other():
    for slot in SLOTS.values():
        for value in slot.values:
            for wording in value.wordings if value.own_only else slot.wordings:
                for words in value.words:
                    text = wording.template.format(words)
                    assert mentions(slot.name, value.key, text), text


def test_a_whole_file(tmp_path):
    rows = list(generate(preset("learn", rows=5)))
    pool = tmp_path / "pool.jsonl"
    lines = [json.dumps(row) for row in rows] + [json.dumps({"id": "plain", "prompt": "Hello?"})]
    pool.write_text("\n".join(lines) + "\n", encoding="utf-8")
    facts = {row.id: row.facts for row in read_pool(str(pool), ()).rows if row.facts}
    assert facts == {row["id"]: row["x_facts"] for row in rows}
    responses = {rows[0]["id"]: rows[0]["ref_output_writer_2"], rows[1]["id"]: "", "plain": "Hi!"}
    shares = [share_mentioned(facts[row], text) for row, text in responses.items() if row in facts]
    assert shares == [1.0, 0.0]
    assert share_mentioned({}, "Anything") is None


@pytest.mark.skipif(not E2E.exists(), reason="../shared/data is not here")
def test_people_mention_nearly_all_facts_of_e2e():
    """Forms were collected from half of these rows; both halves are at 0.99."""
    import gzip

    with gzip.open(E2E, "rt", encoding="utf-8") as stream:
        rows = [json.loads(line) for line in stream]
    texts = [(row["x_facts"], text) for row in rows for name, text in row.items() if name.startswith("ref_") and text]
    shares = [share_mentioned(facts, text) for facts, text in texts]
    assert sum(shares) / len(shares) > 0.98
    wrong = {"yes": "no", "no": "yes", "riverside": "city centre", "city centre": "riverside"}
    swapped = [
        mentions(slot, wrong[value], text) for facts, text in texts for slot, value in facts.items() if value in wrong
    ]
    assert sum(swapped) / len(swapped) < 0.02
