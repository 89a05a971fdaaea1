// METEOR of exact and stemmed matches, with the arithmetic of meteor_python.py, operation by operation.

#pragma once

#include <cmath>

#include "scores.h"
#include "tokens.h"
#include "words.h"

namespace {

class MeteorScorer {
    Words words_;
    std::vector<u32> tokens_, last_, touched_;  // last_: the last unmatched position of each number
    std::vector<u32> before_, matched_;         // by position in the reference, in the response
    std::vector<size_t> lengths_;
    std::vector<double> scores_;
    std::vector<char> used_;
    Buffers buffers_;

    // Match each unmatched response token, from the last one on, with the last unmatched reference token of its key.
    template <class Key>
    void match(const u32* response, size_t length, const u32* reference, size_t reference_length, Key&& key) {
        for (u32 j = 0; j < reference_length; ++j) {
            if (used_[j]) continue;
            const u32 word = key(reference[j]);
            if (last_.size() <= word) last_.resize(words_.size(), NONE);
            if (last_[word] == NONE) touched_.push_back(word);
            before_[j] = last_[word];
            last_[word] = j;
        }
        for (size_t i = length; i-- > 0;) {
            if (matched_[i] != NONE) continue;
            const u32 word = key(response[i]);
            if (word >= last_.size() || last_[word] == NONE) continue;
            matched_[i] = last_[word];
            used_[matched_[i]] = 1;
            last_[word] = before_[matched_[i]];
        }
        for (const u32 word : touched_) last_[word] = NONE;
        touched_.clear();
    }

    double single(const u32* response, size_t length, const u32* reference, size_t reference_length) {
        matched_.assign(length, NONE);
        used_.assign(reference_length, 0);
        before_.resize(reference_length);
        match(response, length, reference, reference_length, [](u32 token) { return token; });
        match(response, length, reference, reference_length, [this](u32 token) { return words_.stem_of(token); });
        size_t matches = 0, chunks = 0;
        u32 at = NONE;  // where the token before was matched, if it was the one just before
        size_t before = NONE;
        for (size_t i = 0; i < length; ++i) {
            if (matched_[i] == NONE) continue;
            chunks += matches == 0 || i != before + 1 || matched_[i] != at + 1;
            at = matched_[i];
            before = i;
            ++matches;
        }
        if (matches == 0) return 0.0;
        const double precision = double(matches) / double(length), recall = double(matches) / double(reference_length);
        const double mean = (precision * recall) / (0.9 * precision + (1 - 0.9) * recall);
        const double penalty = 0.5 * std::pow(double(chunks) / double(matches), 3.0);
        return (1 - penalty) * mean;
    }

   public:
    // The texts are in lower case already: that is a matter of all of Unicode.
    double once(const Text& response, const Text* references, size_t count, int flags) {
        size_t bytes = response.length;
        for (size_t i = 0; i < count; ++i) bytes += references[i].length;
        words_.reset(bytes);
        tokens_.clear();
        last_.clear();
        lengths_.clear();
        const auto cut = [&](const Text& text) {
            const size_t from = tokens_.size();
            tokenize_13a(as_utf8(text, buffers_.utf8), buffers_.clean,
                         [this](string_view token) { tokens_.push_back(words_.number(token)); });
            return tokens_.size() - from;
        };
        const size_t length = cut(response);
        for (size_t i = 0; i < count; ++i) lengths_.push_back(cut(references[i]));
        scores_.clear();
        const u32* reference = tokens_.data() + length;
        for (const size_t reference_length : lengths_) {
            if (reference_length)
                scores_.push_back(single(tokens_.data(), length, reference, reference_length));
            reference += reference_length;
        }
        return of_references(scores_, flags);
    }

    size_t bytes() const { return words_.bytes() + 16 * tokens_.capacity() + buffers_.bytes(); }
};

}  // namespace
