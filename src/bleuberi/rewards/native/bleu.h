// BLEU, with the arithmetic of bleu_python.py, operation by operation.

#pragma once

#include <cmath>

#include "ngrams.h"
#include "scores.h"
#include "tokens.h"

namespace {

constexpr int ORDERS = 4;

enum Flags { PLAIN_UNIGRAMS = 1, CLOSEST_LENGTH = 2 };

// `flags >> PART_SHIFT` asks for a part of the score: 0 for the whole, 1 to 4 for the precision of that order.
enum Part { PENALTY = 5, WITHOUT_PENALTY = 6 };
constexpr int PART_SHIFT = 2;

// The n-grams of some texts, each with its largest count in one of them. A token's number comes from the vocabulary;
// a longer n-gram's is its place in a table, whose key is the number of all but its last token, and its last token.
class NgramIndex {
    struct Slot {
        u32 prefix, token, limit;
    };
    Vocabulary vocabulary_;
    std::vector<u32> token_limits_;
    std::vector<Slot> slots_;
    size_t mask_ = 0;

    size_t place(u32 prefix, u32 token) const {
        for (size_t i = mixed(u64(prefix) << 32 | token) & mask_;; i = (i + 1) & mask_)
            if (slots_[i].token == NONE || (slots_[i].token == token && slots_[i].prefix == prefix)) return i;
    }

   public:
    std::vector<size_t> lengths;  // in tokens, of each text

    size_t numbers() const { return vocabulary_.size() + slots_.size(); }
    u32 limit(u32 number) const {
        return number < vocabulary_.size() ? token_limits_[number] : slots_[number - vocabulary_.size()].limit;
    }

    void build(const Text* texts, size_t count, Buffers& buffers) {
        size_t bytes = 0;
        for (size_t i = 0; i < count; ++i) bytes += texts[i].length;
        vocabulary_.reset(bytes);
        lengths.clear();
        size_t tokens = 0;
        for (size_t i = 0; i < count; ++i) {
            const string_view text = as_utf8(texts[i], buffers.utf8);
            u32* const from = buffers.room_for_tokens(tokens + text.size()) + tokens;
            u32* to = from;
            tokenize_13a(text, buffers.clean, [&](string_view token) { *to++ = vocabulary_.add(token); });
            lengths.push_back(size_t(to - from));
            tokens += lengths.back();
        }
        const u32 words = vocabulary_.size();
        token_limits_.assign(words, 0);
        slots_.assign(table_size((ORDERS - 1) * tokens), Slot{NONE, NONE, 0});
        mask_ = slots_.size() - 1;
        buffers.counts.assign(numbers(), Count{});
        const u32* token = buffers.tokens.data();
        for (size_t i = 0; i < count; ++i) {
            u32 before[ORDERS - 1] = {NONE, NONE, NONE};  // the 1-, 2- and 3-gram that end at the token before
            for (const u32* const end = token + lengths[i]; token < end; ++token) {
                u32 now[ORDERS] = {*token, NONE, NONE, NONE};
                for (int n = 0; n < ORDERS; ++n) {
                    if (n > 0) {
                        if (before[n - 1] == NONE) break;
                        const size_t at = place(before[n - 1], *token);
                        slots_[at].prefix = before[n - 1];
                        slots_[at].token = *token;
                        now[n] = words + u32(at);
                    }
                    u32& limit = n == 0 ? token_limits_[*token] : slots_[now[n] - words].limit;
                    Count& found = buffers.counts[now[n]];
                    if (found.stamp != i + 1) found.stamp = u32(i + 1), found.count = 0;
                    limit = std::max(limit, ++found.count);
                }
                std::copy(now, now + ORDERS - 1, before);
            }
        }
    }

    // Call `hit(number, order)` for every n-gram of the text that is known here. Returns the text's tokens.
    // Order by order: look-ups that do not wait for each other keep the processor busy.
    template <class Hit>
    size_t walk(const Text& text, Buffers& buffers, Hit&& hit) const {
        const string_view utf8 = as_utf8(text, buffers.utf8);
        u32* const tokens = buffers.room_for_tokens(utf8.size());
        size_t length = 0;
        tokenize_13a(utf8, buffers.clean, [&](string_view token) { tokens[length++] = vocabulary_.find(token); });
        Ending* const endings = buffers.room_for_endings(length + 1);
        size_t known = known_tokens(tokens, length, endings);
        const u32 words = vocabulary_.size();
        for (int order = 0; order < ORDERS; ++order) {
            for (size_t k = 0; k < known; ++k) hit(endings[k].number, order);
            if (order + 1 == ORDERS) break;
            known = prolonged(tokens, length, endings, known, endings, [&](u32 prefix, u32 token) {
                const size_t at = place(prefix, token);
                return slots_[at].token == NONE ? NONE : words + u32(at);
            });
        }
        return length;
    }

    size_t bytes() const {
        return vocabulary_.bytes() + slots_.capacity() * sizeof(Slot) + token_limits_.capacity() * sizeof(u32) +
               lengths.capacity() * sizeof(size_t);
    }
};

double bleu_value(const u64 (&matches)[ORDERS], size_t length, const std::vector<size_t>& lengths, int flags) {
    size_t reference = 0;
    for (const size_t candidate : lengths) {
        if (candidate == 0) continue;
        const auto distance = [&](size_t l) { return l > length ? l - length : length - l; };
        const bool better = (flags & CLOSEST_LENGTH)
                                ? distance(candidate) < distance(reference) ||
                                      (distance(candidate) == distance(reference) && candidate < reference)
                                : candidate < reference;
        if (reference == 0 || better) reference = candidate;
    }
    if (reference == 0) return UNSCORED;
    if (length == 0) return 0.0;
    const size_t part = size_t(flags >> PART_SHIFT);
    const double ratio = double(length) / double(reference);
    const double brevity_penalty = ratio > 1.0 ? 1.0 : std::exp(1.0 - 1.0 / ratio);
    if (part == PENALTY) return brevity_penalty;
    if ((flags & PLAIN_UNIGRAMS) && matches[0] == 0) return 0.0;
    double log_precision = 0.0;
    for (size_t order = 1; order <= ORDERS; ++order) {
        const double candidates = length >= order ? double(length - order + 1) : 0.0;
        const double added = order == 1 && (flags & PLAIN_UNIGRAMS) ? 0.0 : 1.0;
        const double precision = (double(matches[order - 1]) + added) / (candidates + added);
        if (part == order) return precision;
        log_precision += std::log(precision) / ORDERS;
    }
    return std::exp(log_precision) * (part == WITHOUT_PENALTY ? 1.0 : brevity_penalty);
}

class BleuScorer {
    Vocabulary vocabulary_;
    Continuations continuations_;
    std::vector<u32> own_, numbers_, seen_, touched_;  // `seen_` is zero between calls
    std::vector<size_t> lengths_, known_;

    // Number the response's n-grams of the next order, where the n-1 first and the n-1 last tokens have matched.
    void extend(const u32* tokens, size_t length) {
        continuations_.reset(length);
        own_.clear();
        u32 before = length ? numbers_[0] : NONE;
        if (length) numbers_[0] = NONE;
        for (size_t i = 1; i < length; ++i) {
            const u32 prefix = before;
            before = numbers_[i];
            numbers_[i] = NONE;
            if (prefix == NONE || before == NONE) continue;
            numbers_[i] = continuations_.add(prefix, tokens[i], u32(own_.size()));
            if (numbers_[i] == own_.size()) own_.push_back(0);
            ++own_[numbers_[i]];
        }
    }

   public:
    Buffers buffers;

    // One response of these references. Order by order, so that longer n-grams are sought only where the shorter ones
    // matched; the response is indexed, the references are looked up in it.
    double once(const Text& response, const Text* references, size_t count, int flags) {
        const string_view text = as_utf8(response, buffers.utf8);
        size_t length = 0;
        vocabulary_.reset(text.size());
        own_.clear();
        u32* tokens = buffers.room_for_tokens(text.size());
        tokenize_13a(text, buffers.clean, [&](string_view token) {
            const u32 number = vocabulary_.add(token);
            if (number == own_.size()) own_.push_back(0);
            ++own_[number];
            tokens[length++] = number;
        });
        numbers_.assign(tokens, tokens + length);
        size_t all = length;
        lengths_.clear();
        for (size_t i = 0; i < count; ++i) {
            const string_view reference = as_utf8(references[i], buffers.utf8);
            u32* const from = buffers.room_for_tokens(all + reference.size()) + all;
            u32* to = from;
            tokenize_13a(reference, buffers.clean, [&](string_view token) { *to++ = vocabulary_.find(token); });
            lengths_.push_back(size_t(to - from));
            all += lengths_.back();
        }
        tokens = buffers.tokens.data();
        u64 matches[ORDERS] = {};
        Ending* const endings = buffers.room_for_endings(all - length + count + 1);
        known_.assign(count, 0);
        for (int order = 0; order < ORDERS; ++order) {
            if (order > 0) extend(tokens, length);
            if (own_.empty()) break;
            buffers.counts.assign(own_.size(), Count{});
            Count* const counts = buffers.counts.data();
            const u32* reference = tokens + length;
            Ending* first = endings;
            for (u32 i = 0; i < count; ++i) {
                if (order == 0) known_[i] = known_tokens(reference, lengths_[i], first);
                else known_[i] = prolonged(reference, lengths_[i], first, known_[i], first, [&](u32 prefix, u32 token) {
                        return continuations_.find(prefix, token);
                    });
                for (size_t k = 0; k < known_[i]; ++k) {
                    Count& seen = counts[first[k].number];
                    if (seen.stamp != i + 1) seen.stamp = i + 1, seen.count = 0;
                    seen.largest = std::max(seen.largest, ++seen.count);
                }
                reference += lengths_[i];
                first += lengths_[i] + 1;
            }
            for (size_t i = 0; i < own_.size(); ++i) matches[order] += std::min(own_[i], counts[i].largest);
            for (size_t i = 0; i < length; ++i)
                if (numbers_[i] != NONE && counts[numbers_[i]].largest == 0) numbers_[i] = NONE;
        }
        return bleu_value(matches, length, lengths_, flags);
    }

    double compiled(const Text& response, const NgramIndex& references, int flags) {
        if (seen_.size() < references.numbers()) seen_.resize(references.numbers(), 0);
        u64 matches[ORDERS] = {};
        const size_t length = references.walk(response, buffers, [&](u32 number, u32 order) {
            if (seen_[number] == 0) touched_.push_back(number);
            if (seen_[number]++ < references.limit(number)) ++matches[order];
        });
        for (const u32 number : touched_) seen_[number] = 0;
        touched_.clear();
        return bleu_value(matches, length, references.lengths, flags);
    }

    size_t bytes() const {
        return vocabulary_.bytes() + continuations_.bytes() + buffers.bytes() + 4 * seen_.capacity();
    }
};

}  // namespace
