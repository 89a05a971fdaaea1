// Words and their stems as numbers; equal numbers are equal texts, of words and of stems alike.

#pragma once

#include "ngrams.h"
#include "porter.h"

namespace {

class Words {
    Vocabulary vocabulary_;
    std::string spelled_, stem_;
    std::vector<size_t> ends_;  // in `spelled_`, by number
    std::vector<u32> stems_;    // by number; NONE: not stemmed yet
    Porter porter_;

   public:
    u32 size() const { return vocabulary_.size(); }
    void reset(size_t bytes_of_text) {
        vocabulary_.reset(bytes_of_text);
        spelled_.clear();
        ends_.clear();
        stems_.clear();
    }
    u32 number(string_view word) {
        const u32 found = vocabulary_.add(word);
        if (found == ends_.size()) {
            spelled_.append(word);
            ends_.push_back(spelled_.size());
        }
        return found;
    }
    string_view spelled(u32 word) const {
        const size_t from = word ? ends_[word - 1] : 0;
        return string_view(spelled_).substr(from, ends_[word] - from);
    }
    u32 stem_of(u32 word) {
        if (stems_.size() <= word) stems_.resize(size(), NONE);
        if (stems_[word] == NONE) {
            porter_.stem(spelled(word), stem_);
            const u32 stem = number(stem_);  // may lengthen `spelled_`
            stems_[word] = stem;
        }
        return stems_[word];
    }
    size_t bytes() const {
        return vocabulary_.bytes() + spelled_.capacity() + 8 * ends_.capacity() + 4 * stems_.capacity();
    }
};

}  // namespace
