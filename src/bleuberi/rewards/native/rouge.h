// ROUGE-L, with the arithmetic of rouge_python.py, operation by operation.

#pragma once

#include "bleu.h"

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

class RougeScorer {
    RougeIndex references_;
    std::vector<u32> response_;
    std::vector<u64> masks_;
    std::vector<u8> carries_;
    Buffers buffers_;

    // Length of the longest common subsequence, 64 tokens of the reference at a time (Hyyro 2004); a carry for every
    // token of the response links the blocks, so memory grows with the texts and not with their product.
    size_t common(const u32* reference, size_t length) {
        size_t total = 0;
        carries_.assign(response_.size(), 0);
        u8* const carries = carries_.data();  // bytes may alias anything: the loop shall not read `this` again
        u64* const masks = masks_.data();
        const u32* const response = response_.data();
        const size_t words = response_.size();
        for (size_t block = 0; block < length; block += 64) {
            const size_t width = std::min<size_t>(64, length - block);
            for (size_t i = 0; i < width; ++i) masks[reference[block + i]] |= u64(1) << i;
            u64 row = ~u64(0);
            for (size_t j = 0; j < words; ++j) {
                const u64 match = row & masks[response[j]];
                const u64 partial = row + match, sum = partial + carries[j];
                carries[j] = u8((partial < row) | (sum < partial));
                row = sum | (row & ~match);
            }
            for (size_t i = 0; i < width; ++i) {
                total += !(row >> i & 1);
                masks[reference[block + i]] = 0;
            }
        }
        return total;
    }

   public:
    double once(const Text& response, const Text* references, size_t count, int flags) {
        references_.build(references, count, buffers_);
        return compiled(response, references_, flags);
    }
    double compiled(const Text& response, const RougeIndex& references, int) {
        if (references.starts.size() < 2) return UNSCORED;
        const size_t length = references.known(response, buffers_, response_);
        if (masks_.size() < references.words()) masks_.resize(references.words(), 0);
        double best = 0.0;
        for (size_t i = 0; i + 1 < references.starts.size(); ++i) {
            const size_t tokens = references.starts[i + 1] - references.starts[i];
            const size_t shared = common(references.tokens.data() + references.starts[i], tokens);
            if (shared == 0) continue;
            const double precision = double(shared) / double(length), recall = double(shared) / double(tokens);
            best = std::max(best, 2 * precision * recall / (precision + recall));
        }
        return best;
    }

    size_t bytes() const { return references_.bytes() + 8 * masks_.capacity() + 5 * carries_.capacity(); }
};

}  // namespace
