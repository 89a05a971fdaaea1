// ROUGE, with the arithmetic of rouge_python.py, operation by operation.

#pragma once

#include "ngrams.h"
#include "scores.h"
#include "tokens.h"
#include "words.h"

namespace {

class RougeIndex {
    Vocabulary vocabulary_;

   public:
    std::vector<u32> tokens;     // of all texts, one after the other
    std::vector<size_t> starts;  // of each text, and the end

    void build(const Text* texts, size_t count, Buffers& buffers) {
        size_t bytes = 0;
        for (size_t i = 0; i < count; ++i) bytes += texts[i].length;
        vocabulary_.reset(bytes);
        tokens.clear();
        starts.assign(1, 0);
        for (size_t i = 0; i < count; ++i) {
            tokenize_rouge(as_utf8(texts[i], buffers.utf8), buffers.clean,
                           [this](string_view token) { tokens.push_back(vocabulary_.add(token)); });
            starts.push_back(tokens.size());
        }
    }
    size_t words() const { return vocabulary_.size(); }
    // The known tokens of the text into `out`. Returns the number of all of its tokens.
    size_t known(const Text& text, Buffers& buffers, std::vector<u32>& out) const {
        size_t length = 0;
        out.clear();
        tokenize_rouge(as_utf8(text, buffers.utf8), buffers.clean, [&](string_view token) {
            const u32 number = vocabulary_.find(token);
            if (number != NONE) out.push_back(number);
            ++length;
        });
        return length;
    }
    size_t bytes() const {
        return vocabulary_.bytes() + tokens.capacity() * sizeof(u32) + starts.capacity() * sizeof(size_t);
    }
};

// Lengths of longest common subsequences, 64 tokens of the reference at a time (Hyyro 2004); a carry for every token of
// the response links the blocks, so memory grows with the texts and not with their product.
class CommonSubsequence {
    std::vector<u64> masks_;
    std::vector<u8> carries_;

   public:
    // `keep(block, j, row)` gets the row of every block of the reference behind the response's token j: a bit is 0
    // where the reference's token makes the subsequence longer.
    template <class Keep>
    void walk(const u32* reference, size_t length, const u32* response, size_t words, u32 numbers, Keep&& keep) {
        if (masks_.size() < numbers) masks_.resize(numbers, 0);
        carries_.assign(words, 0);
        u8* const carries = carries_.data();  // bytes may alias anything: the loop shall not read `this` again
        u64* const masks = masks_.data();
        for (size_t block = 0; block < length; block += 64) {
            const size_t width = std::min<size_t>(64, length - block);
            Pulse::spend(words);
            for (size_t i = 0; i < width; ++i) masks[reference[block + i]] |= u64(1) << i;
            u64 row = ~u64(0);
            for (size_t j = 0; j < words; ++j) {
                const u64 match = row & masks[response[j]];
                const u64 partial = row + match, sum = partial + carries[j];
                carries[j] = u8((partial < row) | (sum < partial));
                row = sum | (row & ~match);
                keep(block, j, row);
            }
            for (size_t i = 0; i < width; ++i) masks[reference[block + i]] = 0;
        }
    }
    size_t length(const u32* reference, size_t length, const u32* response, size_t words, u32 numbers) {
        size_t total = 0;
        walk(reference, length, response, words, numbers, [&](size_t block, size_t j, u64 row) {
            if (j + 1 < words) return;
            for (size_t i = 0; i < std::min<size_t>(64, length - block); ++i) total += !(row >> i & 1);
        });
        return total;
    }
    size_t bytes() const { return 8 * masks_.capacity() + carries_.capacity(); }
};

double rouge_f1(size_t shared, size_t own, size_t other) {
    if (shared == 0) return 0.0;
    const double precision = double(shared) / double(own), recall = double(shared) / double(other);
    return 2 * precision * recall / (precision + recall);
}

// ROUGE-L as the method's reference path has it: texts without tokens score 0.
class RougeScorer {
    RougeIndex references_;
    std::vector<u32> response_;
    CommonSubsequence common_;
    Buffers buffers_;

   public:
    double once(const Text& response, const Text* references, size_t count, int flags) {
        references_.build(references, count, buffers_);
        return compiled(response, references_, flags);
    }
    double compiled(const Text& response, const RougeIndex& references, int) {
        if (references.starts.size() < 2) return UNSCORED;
        const size_t length = references.known(response, buffers_, response_);
        double best = 0.0;
        for (size_t i = 0; i + 1 < references.starts.size(); ++i) {
            const size_t tokens = references.starts[i + 1] - references.starts[i];
            const size_t shared = common_.length(references.tokens.data() + references.starts[i], tokens,
                                                 response_.data(), response_.size(), u32(references.words()));
            best = std::max(best, rouge_f1(shared, length, tokens));
        }
        return best;
    }

    size_t bytes() const { return references_.bytes() + common_.bytes() + 4 * response_.capacity(); }
};

enum RougeFlags { STEMS = 1, ALL_SCRIPTS = 2, KIND = 4 };  // the kind is a number: flags / KIND % 4
enum RougeKind { SUBSEQUENCE = 0, UNIGRAMS = 1, BIGRAMS = 2, SUMMARY = 3 };

constexpr size_t LONGEST_LINE = 4096;  // a longer one counts as several: memory grows with the square of it

// ROUGE-1, -2, -L and -Lsum with their options.
class RougeOptionsScorer {
    Words words_;
    std::vector<u32> tokens_, left_;               // tokens of the response and the references, one after the other
    std::vector<u8> begins_;                       // whether a token is the first of its line
    std::vector<size_t> lengths_;                  // of each reference
    std::vector<u64> matches_, rows_;
    std::vector<u8> hit_;
    std::vector<double> scores_;
    CommonSubsequence common_;
    Overlap overlap_;
    Buffers buffers_;

    u32 number(string_view token, int flags) {
        const u32 word = words_.number(token);
        if (!(flags & STEMS)) return word;
        size_t characters = 0;
        for (const char c : token) characters += (u8(c) & 0xC0) != 0x80;
        return characters > 3 ? words_.stem_of(word) : word;
    }
    // Append the text's tokens, line by line; returns their number.
    size_t cut(const Text& text, int flags) {
        const size_t before = tokens_.size();
        string_view left = as_utf8(text, buffers_.utf8);
        while (true) {
            const size_t end = std::min(left.find('\n'), left.size());
            const size_t line = tokens_.size();
            const auto emit = [&](string_view token) { tokens_.push_back(number(token, flags)); };
            if (flags & ALL_SCRIPTS) tokenize_rouge<true>(left.substr(0, end), buffers_.clean, emit);
            else tokenize_rouge(left.substr(0, end), buffers_.clean, emit);
            begins_.resize(tokens_.size(), 0);
            for (size_t at = line; at < tokens_.size(); at += LONGEST_LINE) begins_[at] = 1;
            if (end == left.size()) return tokens_.size() - before;
            left.remove_prefix(end + 1);
        }
    }

    size_t line_end(size_t begin, size_t end) const {
        size_t at = begin + 1;
        while (at < end && !begins_[at]) ++at;
        return at;
    }
    // Mark the tokens of a reference's line that a longest common subsequence with a line of the response has.
    void mark(const u32* reference, size_t length, const u32* response, size_t words, u8* hit) {
        rows_.resize((length + 63) / 64 * words);
        common_.walk(reference, length, response, words, words_.size(),
                     [&](size_t block, size_t j, u64 row) { rows_[block / 64 * words + j] = row; });
        for (size_t i = length, j = words; i > 0 && j > 0;) {
            if (reference[i - 1] == response[j - 1]) {
                hit[i - 1] = 1;
                --i;
                --j;
            } else if (rows_[(i - 1) / 64 * words + j - 1] >> ((i - 1) % 64) & 1) {
                --i;
            } else {
                --j;
            }
        }
    }
    // Marked tokens of all lines, each as often as the response has it.
    size_t summary(size_t from, size_t length, size_t words) {
        hit_.assign(length, 0);
        const u32* const reference = tokens_.data() + from;
        for (size_t begin = from, end; begin < from + length; begin = end) {
            end = line_end(begin, from + length);
            for (size_t own = 0, own_end; own < words; own = own_end) {
                own_end = line_end(own, words);
                mark(tokens_.data() + begin, end - begin, tokens_.data() + own, own_end - own,
                     hit_.data() + (begin - from));
            }
        }
        left_.assign(words_.size(), 0);
        for (size_t j = 0; j < words; ++j) ++left_[tokens_[j]];
        size_t hits = 0;
        for (size_t i = 0; i < length; ++i)
            if (hit_[i] && left_[reference[i]]) --left_[reference[i]], ++hits;
        return hits;
    }

   public:
    double once(const Text& response, const Text* references, size_t count, int flags) {
        size_t bytes = response.length;
        for (size_t i = 0; i < count; ++i) bytes += references[i].length;
        words_.reset(bytes);
        tokens_.clear();
        begins_.clear();
        lengths_.clear();
        const size_t words = cut(response, flags);
        for (size_t i = 0; i < count; ++i)
            if (const size_t length = cut(references[i], flags)) lengths_.push_back(length);
        const int kind = flags / KIND % 4;
        const size_t order = kind == BIGRAMS ? 2 : 1;
        if (kind == UNIGRAMS || kind == BIGRAMS)
            overlap_.count(tokens_.data(), words, words_.size(), tokens_.data() + words, lengths_, int(order), matches_);
        scores_.clear();
        size_t from = words;
        for (size_t i = 0; i < lengths_.size(); ++i) {
            const size_t length = lengths_[i];
            size_t shared = 0;
            if (kind == SUBSEQUENCE)
                shared = common_.length(tokens_.data() + from, length, tokens_.data(), words, words_.size());
            else if (kind == SUMMARY) shared = summary(from, length, words);
            else shared = size_t(matches_[(i + 1) * order - 1]);
            scores_.push_back(rouge_f1(shared, words - order + 1, length - order + 1));
            from += length;
        }
        return of_references(scores_, flags);
    }

    size_t bytes() const {
        return words_.bytes() + common_.bytes() + overlap_.bytes() + 9 * tokens_.capacity() + 8 * rows_.capacity();
    }
};

}  // namespace
