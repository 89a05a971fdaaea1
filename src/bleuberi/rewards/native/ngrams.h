// Tokens and n-grams as numbers: exact, no hash stands for a text.

#pragma once

#include <algorithm>
#include <vector>

#include "pulse.h"
#include "texts.h"

namespace {

constexpr u32 NONE = 0xFFFFFFFFu;

// Differs from process to process, so that nobody can write a text whose tokens all fall into one slot. Numbers are given
// in the order of the texts, so no score depends on it.
u64 SEED = 0;

u64 mixed(u64 value) {
    value ^= SEED;
#ifdef __SIZEOF_INT128__
    __extension__ typedef unsigned __int128 u128;
    const u128 product = u128(value) * (SEED | 0x9E3779B97F4A7C15ull);
    value = u64(product) ^ u64(product >> 64);
#endif
    value *= 0x9E3779B97F4A7C15ull;
    return value ^ value >> 32;
}

size_t table_size(size_t entries) {
    size_t size = 64;
    while (size < 2 * entries) size *= 2;
    return size;
}

// Tokens -> numbers. Up to 8 bytes are compared as one integer; longer tokens keep their bytes.
class Vocabulary {
    struct Slot {
        u64 head;
        u32 length, number;
    };
    struct Token {
        u64 hash;
        size_t offset;
    };
    std::vector<Slot> slots_;
    std::vector<Token> tokens_;  // by number
    std::string bytes_;
    size_t mask_ = 0;

    static u64 head_of(const char* p, size_t n) {  // all bytes of the token, the first 8 of a longer one
        u64 head = 0;
        if (n >= 8) {
            std::memcpy(&head, p, 8);
        } else if (n >= 4) {
            u32 first, last;
            std::memcpy(&first, p, 4);
            std::memcpy(&last, p + n - 4, 4);
            head = u64(last) << 32 | first;
        } else {
            head = u64(u8(p[0])) << 16 | u64(u8(p[n / 2])) << 8 | u8(p[n - 1]);
        }
        return head;
    }
    // The slot of the token, or the free one where it belongs.
    Slot& slot(string_view token, u64 head, u64 hash) {
        for (size_t i = hash & mask_;; i = (i + 1) & mask_) {
            Slot& s = slots_[i];
            if (s.number == NONE) return s;
            if (s.head == head && s.length == token.size() &&
                (token.size() <= 8 ||
                 std::memcmp(bytes_.data() + tokens_[s.number].offset, token.data(), token.size()) == 0))
                return s;
        }
    }
    static u64 hash_of(string_view token, u64 head) {
        u64 hash = mixed(head ^ u64(token.size()) << 56);
        for (size_t i = 8; i < token.size(); i += 8)
            hash = mixed(hash ^ head_of(token.data() + i, std::min<size_t>(8, token.size() - i)));
        return hash;
    }
    void grow() {
        std::vector<Slot> old((mask_ + 1) * 2, Slot{0, 0, NONE});
        old.swap(slots_);
        mask_ = slots_.size() - 1;
        for (const Slot& s : old) {
            if (s.number == NONE) continue;
            size_t i = tokens_[s.number].hash & mask_;
            while (slots_[i].number != NONE) i = (i + 1) & mask_;
            slots_[i] = s;
        }
    }

   public:
    u32 size() const { return u32(tokens_.size()); }
    void reset(size_t bytes_of_text) {
        const size_t size = table_size(bytes_of_text / 10);
        slots_.assign(size, Slot{0, 0, NONE});
        mask_ = size - 1;
        tokens_.clear();
        bytes_.clear();
    }
    u32 find(string_view token) const {
        const u64 head = head_of(token.data(), token.size());
        return const_cast<Vocabulary*>(this)->slot(token, head, hash_of(token, head)).number;
    }
    u32 add(string_view token) {
        const u64 head = head_of(token.data(), token.size()), hash = hash_of(token, head);
        Slot& s = slot(token, head, hash);
        if (s.number != NONE) return s.number;
        s = Slot{head, u32(token.size()), size()};
        tokens_.push_back(Token{hash, bytes_.size()});
        if (token.size() > 8) bytes_.append(token);
        if (2 * tokens_.size() > mask_) grow();
        return size() - 1;
    }
    size_t bytes() const {
        return slots_.capacity() * sizeof(Slot) + tokens_.capacity() * sizeof(Token) + bytes_.capacity();
    }
};

// What is counted for an n-gram in the text at hand; stamps of texts make clearing needless.
struct Count {
    u32 stamp = 0, count = 0, largest = 0;
};

// Where an n-gram ends in its text, and the n-gram's number.
struct Ending {
    u32 at, number;
};

// Memory that is used again and again; vectors but `counts` keep their largest size.
struct Buffers {
    std::string utf8, clean;
    std::vector<u32> tokens;
    std::vector<Ending> endings;
    std::vector<Count> counts;

    u32* room_for_tokens(size_t count) {
        if (tokens.size() < count) tokens.resize(count);
        return tokens.data();
    }
    Ending* room_for_endings(size_t count) {
        if (endings.size() < count) endings.resize(count);
        return endings.data();
    }
    size_t bytes() const { return 16 * tokens.capacity() + sizeof(Count) * counts.capacity(); }
};

// The tokens of a text that have a number, into `out`, which has room for one more than all. Returns how many.
size_t known_tokens(const u32* tokens, size_t length, Ending* out) {
    size_t known = 0;
    for (size_t i = 0; i < length; ++i) {
        out[known] = Ending{u32(i), tokens[i]};  // written always and kept at need: no branch to mispredict
        known += tokens[i] != NONE;
    }
    return known;
}

// The endings of the known n-grams, from those of order n-1: an n-gram is known only where its first tokens are.
template <class Find>
size_t prolonged(const u32* tokens, size_t length, const Ending* from, size_t count, Ending* out, Find&& find) {
    size_t known = 0;
    for (size_t k = 0; k < count; ++k) {
        const Ending ending = from[k];
        if (ending.at + 1 == length || tokens[ending.at + 1] == NONE) continue;
        const u32 number = find(ending.number, tokens[ending.at + 1]);
        out[known] = Ending{ending.at + 1, number};
        known += number != NONE;
    }
    return known;
}


// N-grams of one order -> numbers 0, 1, ...; the key is the number of all but the last token, and the last token.
class Continuations {
    struct Slot {
        u32 prefix, token, number;
    };
    std::vector<Slot> slots_;
    size_t mask_ = 0;

    Slot& slot(u32 prefix, u32 token) {
        for (size_t i = mixed(u64(prefix) << 32 | token) & mask_;; i = (i + 1) & mask_)
            if (slots_[i].number == NONE || (slots_[i].token == token && slots_[i].prefix == prefix)) return slots_[i];
    }

   public:
    void reset(size_t entries) {
        slots_.assign(table_size(entries), Slot{0, 0, NONE});
        mask_ = slots_.size() - 1;
    }
    u32 find(u32 prefix, u32 token) { return slot(prefix, token).number; }
    u32 add(u32 prefix, u32 token, u32 next) {
        Slot& s = slot(prefix, token);
        if (s.number == NONE) s = Slot{prefix, token, next};
        return s.number;
    }
    size_t bytes() const { return slots_.capacity() * sizeof(Slot); }
};

// How many n-grams of a response each of several references has, each counted at most as often as the response has it.
// Order by order, so that longer n-grams are sought only where the shorter ones matched.
class Overlap {
    Continuations continuations_;
    std::vector<u32> own_, numbers_;  // counts by number; the n-gram that ends at each position
    std::vector<Count> seen_;
    std::vector<Ending> endings_;
    std::vector<size_t> known_;

    void extend(const u32* response, size_t length) {
        continuations_.reset(length);
        own_.clear();
        u32 before = NONE;
        for (size_t i = 0; i < length; ++i) {
            const u32 prefix = before;
            before = numbers_[i];
            numbers_[i] = NONE;
            if (prefix == NONE || before == NONE) continue;
            numbers_[i] = continuations_.add(prefix, response[i], u32(own_.size()));
            if (numbers_[i] == own_.size()) own_.push_back(0);
            ++own_[numbers_[i]];
        }
    }

   public:
    // `response` has numbers below `words`, `references` one after the other such numbers or NONE.
    // `matches[reference * orders + order]` is set.
    void count(const u32* response, size_t length, u32 words, const u32* references, const std::vector<size_t>& lengths,
               int orders, std::vector<u64>& matches) {
        matches.assign(lengths.size() * size_t(orders), 0);
        own_.assign(words, 0);
        for (size_t i = 0; i < length; ++i) ++own_[response[i]];
        numbers_.assign(response, response + length);
        known_.assign(lengths.size(), 0);
        size_t all = 0;
        for (const size_t reference_length : lengths) all += reference_length + 1;
        if (endings_.size() < all) endings_.resize(all);
        for (int order = 0; order < orders; ++order) {
            if (order > 0) extend(response, length);
            if (own_.empty()) break;
            seen_.assign(own_.size(), Count{});
            const u32* reference = references;
            Ending* first = endings_.data();
            for (u32 r = 0; r < lengths.size(); ++r) {
                known_[r] = order == 0 ? known_tokens(reference, lengths[r], first)
                                       : prolonged(reference, lengths[r], first, known_[r], first,
                                                   [&](u32 a, u32 b) { return continuations_.find(a, b); });
                u64 matched = 0;
                for (size_t k = 0; k < known_[r]; ++k) {
                    const u32 number = first[k].number;
                    Count& seen = seen_[number];
                    if (seen.stamp != r + 1) seen.stamp = r + 1, seen.count = 0;
                    matched += seen.count++ < own_[number];
                }
                matches[r * size_t(orders) + size_t(order)] = matched;
                reference += lengths[r];
                first += lengths[r] + 1;
            }
            for (size_t i = 0; i < length; ++i)
                if (numbers_[i] != NONE && seen_[numbers_[i]].stamp == 0) numbers_[i] = NONE;
        }
    }
    size_t bytes() const {
        return continuations_.bytes() + 8 * numbers_.capacity() + sizeof(Count) * seen_.capacity() +
               sizeof(Ending) * endings_.capacity();
    }
};

}  // namespace
