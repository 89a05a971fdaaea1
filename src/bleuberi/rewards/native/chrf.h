// chrF and chrF++, with the arithmetic of chrf_python.py, operation by operation.

#pragma once

#include "ngrams.h"
#include "scores.h"
#include "tokens.h"

namespace {

constexpr int CHARACTER_ORDERS = 6, WORD_ORDERS = 2;

enum ChrfFlags { WORDS_TOO = 1 };

class ChrfScorer {
    Continuations wide_;  // characters beyond ASCII, under the prefix 0
    u32 ascii_[128] = {};
    u32 characters_ = 0;
    Vocabulary vocabulary_;
    std::vector<u32> symbols_, words_;                // of the response and the references, one after the other
    std::vector<size_t> symbol_counts_, word_counts_;  // of each reference
    std::vector<u64> symbol_matches_, word_matches_;
    std::vector<double> scores_;
    Overlap overlap_;
    Buffers buffers_;

    u32 character(const u8* at, size_t width, bool own) {
        if (*at < 0x80) {
            if (ascii_[*at] == NONE && own) ascii_[*at] = characters_++;
            return ascii_[*at];
        }
        u32 bytes = 0;
        std::memcpy(&bytes, at, width);
        if (!own) return wide_.find(0, bytes);
        const u32 number = wide_.add(0, bytes, characters_);
        characters_ += number == characters_;
        return number;
    }
    u32 word(string_view word, bool own) { return own ? vocabulary_.add(word) : vocabulary_.find(word); }
    // A word with its last punctuation mark set apart, else its first one.
    void add_word(const u8* from, const u8* to, size_t characters, bool own) {
        const auto punctuation = [](u8 c) { return c > 0x20 && c < 0x7F && !CLASSES.alnum[c]; };
        const auto add = [&](const u8* a, const u8* b) {
            words_.push_back(word(string_view(reinterpret_cast<const char*>(a), size_t(b - a)), own));
        };
        const u8* const split = characters < 2            ? to
                                : punctuation(to[-1])     ? to - 1
                                : punctuation(from[0])    ? from + 1
                                                          : to;
        add(from, split);
        if (split < to) add(split, to);
    }

    // Append the text's characters without white space, and its words.
    void cut(const Text& text, bool own, bool words_too) {
        const string_view utf8 = as_utf8(text, buffers_.utf8);
        const u8* p = reinterpret_cast<const u8*>(utf8.data());
        const u8* const end = p + utf8.size();
        const u8* start = nullptr;
        size_t characters = 0;
        const auto flush = [&] {
            if (start && words_too) add_word(start, p, characters, own);
            start = nullptr;
        };
        while (p < end) {
            const u8 kind = CLASSES.of[*p];
            const size_t space = kind == SPACE ? 1 : kind == WIDE ? wide_space(p, end) : 0;
            if (space) {
                flush();
                p += space;
                continue;
            }
            if (!start) start = p, characters = 0;
            // Arrow's bytes are not checked to be UTF-8.
            const size_t width = std::min<size_t>(*p < 0x80 ? 1 : *p < 0xE0 ? 2 : *p < 0xF0 ? 3 : 4, size_t(end - p));
            symbols_.push_back(character(p, width, own));
            ++characters;
            p += width;
        }
        flush();
    }

    double value(size_t reference, size_t length, size_t words, int word_orders) const {
        double precision = 0.0, recall = 0.0;
        int orders = 0;
        const auto add = [&](size_t own, size_t other, u64 matches, size_t order) {
            if (own < order || other < order) return;
            precision += double(matches) / double(own - order + 1);
            recall += double(matches) / double(other - order + 1);
            ++orders;
        };
        for (size_t n = 1; n <= CHARACTER_ORDERS; ++n)
            add(length, symbol_counts_[reference], symbol_matches_[reference * CHARACTER_ORDERS + n - 1], n);
        for (size_t n = 1; n <= size_t(word_orders); ++n)
            add(words, word_counts_[reference], word_matches_[reference * WORD_ORDERS + n - 1], n);
        if (orders == 0) return 0.0;
        precision /= orders;
        recall /= orders;
        if (!(precision + recall > 0)) return 0.0;
        return 5 * precision * recall / (4 * precision + recall);
    }

   public:
    double once(const Text& response, const Text* references, size_t count, int flags) {
        const bool words_too = flags & WORDS_TOO;
        characters_ = 0;
        std::fill(std::begin(ascii_), std::end(ascii_), NONE);
        wide_.reset(response.length);
        if (words_too) vocabulary_.reset(response.length);
        symbols_.clear();
        words_.clear();
        symbol_counts_.clear();
        word_counts_.clear();
        cut(response, true, words_too);
        const size_t length = symbols_.size(), words = words_.size();
        for (size_t i = 0; i < count; ++i) {
            const size_t symbols_before = symbols_.size(), words_before = words_.size();
            cut(references[i], false, words_too);
            if (symbols_.size() == symbols_before) continue;
            symbol_counts_.push_back(symbols_.size() - symbols_before);
            word_counts_.push_back(words_.size() - words_before);
        }
        overlap_.count(symbols_.data(), length, characters_, symbols_.data() + length, symbol_counts_, CHARACTER_ORDERS,
                       symbol_matches_);
        if (words_too)
            overlap_.count(words_.data(), words, vocabulary_.size(), words_.data() + words, word_counts_, WORD_ORDERS,
                           word_matches_);
        scores_.clear();
        for (size_t i = 0; i < symbol_counts_.size(); ++i)
            scores_.push_back(value(i, length, words, words_too ? WORD_ORDERS : 0));
        return of_references(scores_, flags);
    }

    size_t bytes() const {
        return wide_.bytes() + vocabulary_.bytes() + 8 * symbols_.capacity() + overlap_.bytes() + buffers_.bytes();
    }
};

}  // namespace
