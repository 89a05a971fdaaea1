// Porter's stemmer with NLTK's extensions, as porter.py states it.

#pragma once

#include "texts.h"

namespace {

struct Rule {
    const char* suffix;
    const char* by;
};

// Lists of rules: the first whose suffix fits decides, whether its condition holds or not.
constexpr Rule PLURALS[] = {{"sses", "ss"}, {"ies", "i"}, {"ss", "ss"}, {"s", ""}};
constexpr Rule LONG_SUFFIXES[] = {
    {"ational", "ate"}, {"tional", "tion"}, {"enci", "ence"},  {"anci", "ance"},   {"izer", "ize"},    {"bli", "ble"},
    {"alli", "al"},     {"entli", "ent"},   {"eli", "e"},      {"ousli", "ous"},   {"ization", "ize"}, {"ation", "ate"},
    {"ator", "ate"},    {"alism", "al"},    {"iveness", "ive"}, {"fulness", "ful"}, {"ousness", "ous"}, {"aliti", "al"},
    {"iviti", "ive"},   {"biliti", "ble"},  {"fulli", "ful"},  {"logi", "log"},
};
constexpr Rule SHORT_SUFFIXES[] = {
    {"icate", "ic"}, {"ative", ""}, {"alize", "al"}, {"iciti", "ic"}, {"ical", "ic"}, {"ful", ""}, {"ness", ""},
};
constexpr Rule LAST_SUFFIXES[] = {
    {"al", ""},   {"ance", ""}, {"ence", ""}, {"er", ""}, {"ic", ""},  {"able", ""}, {"ible", ""},
    {"ant", ""},  {"ement", ""}, {"ment", ""}, {"ent", ""}, {"ion", ""}, {"ou", ""},   {"ism", ""},
    {"ate", ""},  {"iti", ""},  {"ous", ""},  {"ive", ""}, {"ize", ""},
};
constexpr Rule IRREGULAR[] = {
    {"sky", "sky"},       {"skies", "sky"},      {"dying", "die"},        {"lying", "lie"},        {"tying", "tie"},
    {"news", "news"},     {"innings", "inning"}, {"inning", "inning"},    {"outings", "outing"},   {"outing", "outing"},
    {"cannings", "canning"}, {"canning", "canning"}, {"howe", "howe"},    {"proceed", "proceed"},  {"exceed", "exceed"},
    {"succeed", "succeed"},
};

// A lower-case word by code points, because rules ask for lengths and for equal neighbours.
class Porter {
    std::u32string word_;

    static bool letter_vowel(char32_t c) { return c == 'a' || c == 'e' || c == 'i' || c == 'o' || c == 'u'; }
    // Whether the word's first letters up to this one end in a consonant; a `y` is one unless another stands before.
    bool consonant(size_t at) const {
        bool turned = false;
        for (; at > 0 && word_[at] == 'y'; --at) turned = !turned;
        return letter_vowel(word_[at]) == turned;
    }
    // How often a consonant follows a vowel in the first `length` letters; they are counted up to two.
    int measure(size_t length) const {
        int changes = 0;
        bool before = true;
        for (size_t i = 0; i < length && changes < 2; ++i) {
            const bool now = word_[i] == 'y' ? i == 0 || !before : !letter_vowel(word_[i]);
            if (i > 0 && now && !before) ++changes;
            before = now;
        }
        return changes;
    }
    bool has_vowel(size_t length) const {
        for (size_t i = 0; i < length; ++i)
            if (!consonant(i)) return true;
        return false;
    }
    // Consonant, vowel, consonant (not w, x, y) at the end; a vowel and a consonant alone count too.
    bool ends_short() const {
        const size_t n = word_.size();
        if (n == 2) return !consonant(0) && consonant(1);
        return n >= 3 && consonant(n - 3) && !consonant(n - 2) && consonant(n - 1) && word_[n - 1] != 'w' &&
               word_[n - 1] != 'x' && word_[n - 1] != 'y';
    }
    bool ends(const char* suffix) const {
        const size_t n = std::strlen(suffix);
        if (n > word_.size()) return false;
        for (size_t i = 0; i < n; ++i)
            if (word_[word_.size() - n + i] != char32_t(suffix[i])) return false;
        return true;
    }
    void replace(size_t stem, const char* by) {
        word_.resize(stem);
        for (; *by; ++by) word_.push_back(char32_t(*by));
    }
    template <size_t N, class Allowed>
    void apply(const Rule (&rules)[N], Allowed&& allowed) {
        for (const Rule& rule : rules) {
            if (!ends(rule.suffix)) continue;
            const size_t stem = word_.size() - std::strlen(rule.suffix);
            if (allowed(rule, stem)) replace(stem, rule.by);
            return;
        }
    }

    void past_and_gerund() {
        const size_t n = word_.size();
        if (ends("ied")) return replace(n - 3, n == 4 ? "ie" : "i");
        if (ends("eed")) {
            if (measure(n - 3) > 0) word_.pop_back();
            return;
        }
        const size_t stem = ends("ed") ? n - 2 : ends("ing") ? n - 3 : n;
        if (stem == n || !has_vowel(stem)) return;
        word_.resize(stem);
        const char32_t last = word_.back();
        if (ends("at") || ends("bl") || ends("iz")) return word_.push_back('e');
        if (stem >= 2 && last == word_[stem - 2] && consonant(stem - 1)) {
            if (last != 'l' && last != 's' && last != 'z') word_.pop_back();
        } else if (measure(stem) == 1 && ends_short()) {
            word_.push_back('e');
        }
    }
    void final_e() {
        if (!ends("e")) return;
        word_.pop_back();
        const int changes = measure(word_.size());
        if (changes == 0 || (changes == 1 && ends_short())) word_.push_back('e');
    }

   public:
    // The stem of a word of UTF-8, into `out`.
    void stem(string_view text, std::string& out) {
        word_.clear();
        append_code_points(text, word_);
        for (const Rule& word : IRREGULAR)
            if (text == word.suffix) return void(out = word.by);
        if (word_.size() <= 2) return void(out = text);
        const auto positive = [&](const Rule&, size_t stem) { return measure(stem) > 0; };
        if (word_.size() == 4 && ends("ies")) word_.pop_back();
        else apply(PLURALS, [](const Rule&, size_t) { return true; });
        past_and_gerund();
        const size_t n = word_.size();
        if (n > 2 && word_[n - 1] == 'y' && consonant(n - 2)) word_[n - 1] = 'i';
        if (ends("alli") && measure(word_.size() - 4) > 0) word_.resize(word_.size() - 2);
        apply(LONG_SUFFIXES, [&](const Rule& rule, size_t stem) {
            return measure(stem + (std::strcmp(rule.suffix, "logi") == 0)) > 0;
        });
        apply(SHORT_SUFFIXES, positive);
        apply(LAST_SUFFIXES, [&](const Rule& rule, size_t stem) {
            return measure(stem) > 1 && (std::strcmp(rule.suffix, "ion") != 0 || word_[stem - 1] == 's' ||
                                         word_[stem - 1] == 't');
        });
        final_e();
        if (ends("ll") && measure(word_.size() - 1) > 1) word_.pop_back();
        out.clear();
        append_utf8(word_.data(), word_.size(), out);
    }
};

}  // namespace
